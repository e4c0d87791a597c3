#pragma once

#include <map>
#include <string>
#include <vector>

#include "archiver/config.h"
#include "archiver/docker_mounts.h"
#include "archiver/finding.h"

namespace orcio {

// What runs on a host, held against what the configuration archives of it.
struct VolumeCheck {
  std::vector<const ServiceConfig*> services;  // all of the host's
  std::vector<MountingContainer> containers;
  // Paths of either with their symlinks followed; one that is not in it is taken as it is.
  std::map<std::string, std::string> resolved;
};

// Every path in it that links may lead elsewhere from.
[[nodiscard]] std::vector<std::string> PathsOf(const VolumeCheck& check);

// Warnings: volumes of the services' containers that no `paths:` on this host cover, and compose
// projects and containers that no service is about. Sockets, devices and the system's own files are
// no volumes. `host` in the findings is left to the caller.
[[nodiscard]] std::vector<Finding> FindUncovered(const VolumeCheck& check);

}  // namespace orcio

#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/docker/docker_mount.h"
#include "archiver/host/remote_host.h"
#include "archiver/plan/finding.h"

namespace orcio::inline archiver {

// A volume that docker mounts for as long as a container uses it, and unmounts with the last one:
// what can be read of it after that is what it was mounted from, if that is a directory.
struct MountedVolume {
  std::string type;       // of the file system, e.g. "nfs"; "none" for a bind mount
  std::string directory;  // of a bind mount, on the host; else empty
};

// What runs on a host, held against what the configuration archives of it.
struct VolumeCheck {
  std::vector<const ServiceConfig*> services;  // all of the host's
  std::vector<MountingContainer> containers;
  // Where paths of either really are, symlinks followed; one that is not in it is taken as it is.
  std::map<std::string, std::string> resolved;
  std::set<std::string> special;  // sockets, devices, pipes and volumes in memory among them
  std::map<std::string, MountedVolume> mounted = {};  // by what containers have as their source
};

// Asks the host where links lead, what is a socket, and what stands behind volumes: some are
// another name for a directory, some are mounted by docker. What it does not tell is taken as it
// is.
void LookAtPlaces(RemoteHost& host, VolumeCheck& check, const std::stop_token& stop);

// For each volume of the containers, all of them of `service`, that no `paths:` on this host cover
// and that is not in its `ignore_mounts`: a warning for people, with what to write. A path at which
// docker mounts a volume covers it only for a service that is not stopped to be read.
[[nodiscard]] std::vector<std::string> UncoveredWarnings(const VolumeCheck& check,
                                                         const ServiceConfig& service);

// Sources of volumes that docker mounts, or that are in memory, and whose going with the service
// loses nothing: they are covered where they come from, or are to be ignored.
[[nodiscard]] std::vector<std::string> FleetingSources(const VolumeCheck& check,
                                                       const ServiceConfig& service);

// Whether `owner` says in its `ignore_mounts` that this mount of the container is as it should be.
[[nodiscard]] bool IsToBeIgnored(const VolumeCheck& check, const ServiceConfig& owner,
                                 const MountingContainer& container, const DockerMount& mount);

// Warnings: volumes of the services' containers that no `paths:` on this host cover, and compose
// projects and containers that no service is about. Sockets, devices and the system's own files are
// no volumes. `host` in the findings is left to the caller.
[[nodiscard]] std::vector<Finding> FindUncovered(const VolumeCheck& check);

}  // namespace orcio::inline archiver

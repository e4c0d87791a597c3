#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

// Where a container's files come from: a directory of the host's, or a volume.
struct DockerMount {
  std::string volume;       // its name; empty for a bind mount
  std::string source;       // on the host
  std::string destination;  // in the container
  bool writable = false;
};

struct MountingContainer {
  std::string name;
  std::string project;  // compose's; empty where it is none's
  std::string service;
  std::vector<DockerMount> mounts;
};

// The running containers of a host, compose's and others, in no order, with what they keep on its
// disks. kRemote, with what to do, where docker is missing or says no.
[[nodiscard]] Result<std::vector<MountingContainer>> ListMounts(RemoteHost& host,
                                                                const std::stop_token& stop);

}  // namespace orcio

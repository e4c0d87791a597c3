#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace orcio::inline archiver {

// Where a container's files come from: a directory of the host's, or a volume.
struct DockerMount {
  std::string volume;       // its name; empty for a bind mount
  std::string source;       // on the host
  std::string destination;  // in the container
  bool writable = false;
};

// Of what `docker inspect` calls a container's Mounts: those that stay when it ends. None if it
// makes no sense.
[[nodiscard]] std::vector<DockerMount> ParseDockerMounts(const nlohmann::json& mounts);

// A container, and what it keeps on its host's disks.
struct MountingContainer {
  std::string name;
  std::string project;  // compose's; empty if it is none's
  std::string service;
  std::vector<DockerMount> mounts;
  std::string id{};
  std::string started_at{};  // in docker's words
};

}  // namespace orcio::inline archiver

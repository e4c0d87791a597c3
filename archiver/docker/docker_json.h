#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archiver/docker/docker.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Containers as JSON, for the journal: what it takes to find and start them again.
[[nodiscard]] std::string ContainersToJson(const std::vector<DockerContainer>& containers);
// kDamaged if it is not what ContainersToJson wrote.
[[nodiscard]] Result<std::vector<DockerContainer>> ContainersFromJson(const std::string& json);

// Those of a project that ran, and the ids of all that it had; nothing if those are not known.
struct KnownProject {
  Containers running;
  std::optional<std::set<std::string>> ids;
};
[[nodiscard]] std::string ProjectToJson(const KnownProject& project);
// Also from what ContainersToJson wrote.
[[nodiscard]] Result<KnownProject> ProjectFromJson(const std::string& text);

}  // namespace orcio::inline archiver

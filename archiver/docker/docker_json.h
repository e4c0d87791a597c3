#pragma once

#include <string>
#include <vector>

#include "archiver/docker/docker.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Containers as JSON, for the journal: what it takes to find and start them again.
[[nodiscard]] std::string ContainersToJson(const std::vector<DockerContainer>& containers);
// kDamaged if it is not what ContainersToJson wrote.
[[nodiscard]] Result<std::vector<DockerContainer>> ContainersFromJson(const std::string& json);

}  // namespace orcio::inline archiver

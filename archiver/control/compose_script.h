#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/docker/docker.h"

namespace orcio::inline archiver {

// What a guard runs to start, or unpause, these containers of the service's project, in this order:
// see ServiceControl::StartScript. `stop_limit` bounds its wait for stops that are under way;
// nothing if none is ever asked for.
[[nodiscard]] std::string ComposeStartScript(const ServiceConfig& service,
                                             const std::vector<DockerContainer>& containers,
                                             std::optional<std::chrono::seconds> stop_limit);

}  // namespace orcio::inline archiver

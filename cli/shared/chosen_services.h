#pragma once

#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "base/error.h"

namespace orcio::cli {

using Services = std::vector<const ServiceConfig*>;

// The services of the configuration that are named, each once, or all if none is; they live as
// long as `config`. kNotFound, naming those there are, for an unknown one.
[[nodiscard]] Result<Services> ChooseServices(const Config& config,
                                              const std::vector<std::string>& names);

}  // namespace orcio::cli

#pragma once

#include <string>

#include "archiver/config/config.h"
#include "base/error.h"

namespace orcio::cli {

// The host of that name. kNotFound if there is none, naming one that is written alike.
[[nodiscard]] Result<HostConfig> ConfiguredHost(const Config& config, const std::string& name);

}  // namespace orcio::cli

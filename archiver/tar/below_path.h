#pragma once

#include <string>
#include <string_view>

#include "archiver/config/config.h"

namespace orcio::inline archiver {

// Whether a path is a directory's own, or lies in it. Neither ends with a slash.
[[nodiscard]] bool LiesBelow(std::string_view path, std::string_view directory);

// Whether a path is below one of the service's and left out on purpose, by itself or with a
// directory above it.
[[nodiscard]] bool IsExcluded(const ServiceConfig& service, const std::string& path);

}  // namespace orcio::inline archiver

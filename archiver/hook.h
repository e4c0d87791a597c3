#pragma once

#include <chrono>
#include <map>
#include <string>

#include "index/error.h"

namespace orcio {

// Runs `command` by `sh -c` on this machine, with `environment` on top of this process's own and
// both its outputs going to standard error. kIo where it does not exit with 0; after `timeout` it
// is killed with all that it started in its process group.
[[nodiscard]] Result<void> RunHook(const std::string& command,
                                   const std::map<std::string, std::string>& environment,
                                   std::chrono::milliseconds timeout);

}  // namespace orcio

#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace orcio::inline archiver {

// Runs `command` by `sh -c` on this machine, with `environment` on top of this process's own,
// `input` on its standard input and both its outputs going to standard error. kIo if it does not
// exit with 0; after `timeout` it is killed. What it leaves behind in its process group is killed,
// too. Messages call it by `name`: a command may hold secrets.
[[nodiscard]] Result<void> RunHook(std::string_view name, const std::string& command,
                                   const std::map<std::string, std::string>& environment,
                                   std::string_view input, std::chrono::milliseconds timeout);

}  // namespace orcio::inline archiver

#pragma once

#include <functional>

#include "base/error.h"

namespace orcio::inline fusefs {

// Calls `serve` in a process of its own, detached from the terminal and the working directory, and
// returns once `serve` has called `ready`, or what it failed with before. What `serve` writes to
// standard error until it is ready reaches the caller's terminal; afterwards nothing does. Call it
// before there are threads: only the calling one goes on in the new process.
[[nodiscard]] Result<void> RunInBackground(
    const std::function<Result<void>(const std::function<void()>& ready)>& serve);

}  // namespace orcio::inline fusefs

#pragma once

#include "base/error.h"

namespace orcio::cli {

// What the program exits with; orcio(1), "EXIT STATUS".
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kWarnings = 3,
  kDamage = 4,
  kNoSuch = 10,
  kLocked = 11,
  kHost = 12,
  kNotRunning = 20,
  kInterrupted = 130,
  kTerminated = 143,
};

[[nodiscard]] ExitCode ExitCodeOf(const Error& error);

// The one that says more of two: a service that does not run outweighs all, a failure outweighs a
// warning.
[[nodiscard]] ExitCode Worse(ExitCode a, ExitCode b);

}  // namespace orcio::cli

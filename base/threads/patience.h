#pragma once

#include <chrono>
#include <stop_token>

#include "base/error.h"

namespace orcio {

// What bounds a wait: somebody asking to stop, and a point in time.
struct Patience {
  std::stop_token stop;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  [[nodiscard]] bool expired() const { return std::chrono::steady_clock::now() >= deadline; }
};

// No wait goes on for longer than this without looking at its stop token.
inline constexpr std::chrono::milliseconds kWaitSlice{100};

// Waits until `fd` has one of `events` (as poll(2) has them). kCancelled, or kNetwork with
// ETIMEDOUT.
[[nodiscard]] Result<void> WaitForFd(int fd, short events, const Patience& patience);

}  // namespace orcio

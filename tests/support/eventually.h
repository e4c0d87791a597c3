#pragma once

#include <chrono>
#include <thread>

namespace orcio::test {

// Waits for what holds soon, on a busy machine somewhat later. False if it does not within `limit`.
template <class Condition>
[[nodiscard]] bool Eventually(const Condition& condition,
                              std::chrono::seconds limit = std::chrono::minutes(2)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace orcio::test

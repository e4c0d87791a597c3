#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace orcio {

// Figures as messages and facts have them.

[[nodiscard]] inline double SecondsSince(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

// "1.4 GiB", "312 B": at most four characters and a unit.
[[nodiscard]] std::string FormatBytes(uint64_t bytes);
// "0.8 s", "42 s", "3 min 20 s", "1 h 5 min".
[[nodiscard]] std::string FormatSeconds(double seconds);

}  // namespace orcio

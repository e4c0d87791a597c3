#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/sanitized.h"

namespace orcio::test {

// How much more memory this process has had at once since this was made: of its own, resident. See
// proc_pid_clear_refs(5) and proc_pid_status(5).
class PeakMemory {
 public:
  // What a sanitizer keeps beside each byte, and of freed ones, is more than a test can tell.
  static constexpr uint64_t kFactor = kSanitized ? 4 : 1;

  PeakMemory() {
    std::ofstream clear("/proc/self/clear_refs");
    clear << "5" << std::flush;
    if (!clear) throw std::runtime_error("the peak of resident memory cannot be reset");
    before_ = Bytes("VmRSS:");
  }
  [[nodiscard]] uint64_t Growth() const {
    const uint64_t peak = Bytes("VmHWM:");
    return peak > before_ ? peak - before_ : 0;
  }

 private:
  static uint64_t Bytes(const std::string& field) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      if (word != field) continue;
      uint64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
    throw std::runtime_error("no " + field + " in /proc/self/status");
  }

  uint64_t before_ = 0;
};

}  // namespace orcio::test

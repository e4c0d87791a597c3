#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace orcio::test {

// Looks again and again at what a process holds.
class ServerWatch {
 public:
  // From the median of the second quarter of the time to that of the last one.
  struct Growth {
    int64_t anonymous_bytes = 0;
    int64_t mapped_bytes = 0;  // pages of files
    int64_t descriptors = 0;
    int64_t most_anonymous_bytes = 0;  // at any time
    int64_t most_descriptors = 0;
    std::array<int64_t, 4> anonymous_quarters{};  // medians
    [[nodiscard]] std::string Summary() const;
  };

  explicit ServerWatch(pid_t process);
  // Call once.
  [[nodiscard]] Growth End();

 private:
  struct Look {
    int64_t anonymous_bytes = 0;
    int64_t mapped_bytes = 0;
    int64_t descriptors = 0;
  };
  [[nodiscard]] Look LookAt() const;
  [[nodiscard]] std::array<int64_t, 4> MediansOf(int64_t Look::*figure) const;

  const pid_t process_;
  std::vector<Look> looks_;  // the thread's until it has ended
  std::jthread thread_;
};

}  // namespace orcio::test

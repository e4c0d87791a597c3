#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace orcio::inline fusefs {

// Tells whether whatever changes in a directory from now on gives it another time of change.
//
// It does not if the file system's clock has not ticked on since: times are kept to nanoseconds
// but move with the kernel's tick (4 to 10 ms), to a second (ext4 with inodes of 128 bytes, HFS+,
// some network file systems) or to two (FAT). Two clocks are not compared, since the one that the
// times come from may be a server's: a time counts as settled once it has been seen for longer than
// the coarsest tick that it can come from. Not thread-safe.
class SettledTime {
 public:
  using Clock = std::chrono::steady_clock;

  // When a directory was looked at: what changed before `begun` the look has seen.
  struct Look {
    Clock::time_point begun;
    Clock::time_point ended;
  };

  // Takes the time of change that a look found, in nanoseconds since the epoch. Whether it is
  // settled: whatever changes after the look's begin will show another one.
  [[nodiscard]] bool See(int64_t time_ns, const Look& look);

  // The coarsest tick of a clock that gave this time, and some more.
  [[nodiscard]] static std::chrono::milliseconds Tick(int64_t time_ns);

 private:
  std::optional<int64_t> time_ns_;
  Clock::time_point seen_since_;
};

}  // namespace orcio::inline fusefs

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace orcio::cli {

// How fast something goes on, by its last ten seconds: a link that got slower shows at once, and
// one slow moment does not shake it. Not thread-safe.
class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // So many bytes are done at `now`; fewer than before: something else has begun.
  void Note(uint64_t done_bytes, Clock::time_point now);
  // Bytes a second; nothing before there is a tenth of a second to go by.
  [[nodiscard]] std::optional<double> rate() const;

 private:
  struct Sample {
    uint64_t bytes = 0;
    Clock::time_point at;
  };
  std::deque<Sample> samples_;
};

// How much there is of something, in bytes.
struct ProgressTotal {
  uint64_t bytes = 0;  // 0: nobody knows
  bool about = false;  // by what it was last time
};

// "1.4 GiB of about 3.0 GiB, 105 MiB/s, about 16 s left": without the total if it is not known,
// or has proved wrong, without a rate if that is not known, and without what is left if
// either is missing. `rate` in bytes a second.
[[nodiscard]] std::string ProgressText(uint64_t done_bytes, const ProgressTotal& total,
                                       std::optional<double> rate);

}  // namespace orcio::cli

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/threads/pause.h"

namespace orcio {

// What a stream must bring at least: 14 kbit/s, the slowest of uplinks being ten times as fast.
struct Pace {
  uint64_t bytes = uint64_t{1} << 20;
  std::chrono::seconds time{600};
};

// A stop token that is requested to stop along with another, or once a stream has brought less than
// `pace`.
class PaceLimit {
 public:
  // As Pause.
  using Wait = std::function<bool(std::chrono::milliseconds, const std::stop_token&)>;

  PaceLimit(const Pace& pace, const std::stop_token& stop, Wait wait = Pause)
      : forward_(stop, [this] { source_.request_stop(); }),
        watch_([this, pace, wait = std::move(wait)](const std::stop_token& over) {
          uint64_t seen = 0;
          while (wait(pace.time, over)) {
            const uint64_t now = bytes_;
            if (now - seen < pace.bytes) {
              expired_ = true;
              source_.request_stop();
              return;
            }
            seen = now;
          }
        }) {}

  void Count(uint64_t bytes) { bytes_ += bytes; }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  // Whether the stream was too slow.
  [[nodiscard]] bool expired() const { return expired_; }

 private:
  std::stop_source source_;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<bool> expired_ = false;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread watch_;
};

}  // namespace orcio

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/threads/pause.h"

namespace orcio {

// A stop token that is requested to stop along with either of two others, or once a time has
// passed.
class TimeLimit {
 public:
  TimeLimit(std::optional<std::chrono::seconds> limit, const std::stop_token& stop,
            const std::stop_token& other = {})
      : forward_(stop, [this] { source_.request_stop(); }),
        forward_other_(other, [this] { source_.request_stop(); }) {
    if (!limit) return;
    timer_ = std::jthread([this, time = *limit](const std::stop_token& over) {
      if (!Pause(time, over)) return;
      expired_ = true;
      source_.request_stop();
    });
  }

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  // Whether the time has passed.
  [[nodiscard]] bool expired() const { return expired_; }

 private:
  std::stop_source source_;
  std::atomic<bool> expired_ = false;
  std::stop_callback<std::function<void()>> forward_;
  std::stop_callback<std::function<void()>> forward_other_;
  std::jthread timer_;
};

}  // namespace orcio

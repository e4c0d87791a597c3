#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

// When something was last asked for. Thread-safe.
class LastUse {
 public:
  using Clock = std::chrono::steady_clock;
  void Now() { at_.store(Clock::now().time_since_epoch(), std::memory_order_relaxed); }
  [[nodiscard]] Clock::time_point at() const {
    return Clock::time_point(at_.load(std::memory_order_relaxed));
  }

 private:
  std::atomic<Clock::duration> at_{Clock::now().time_since_epoch()};
};

// Calls `idle`, from a thread of its own, once nothing has been asked for during `timeout`, and
// again that long after each time it returns false: somebody needs the mount all the same.
class IdleWatch {
 public:
  // `last_use` outlives it. A `timeout` of 0 stands for ever.
  IdleWatch(const LastUse& last_use, std::chrono::milliseconds timeout, std::function<bool()> idle);
  ~IdleWatch();
  IdleWatch(const IdleWatch&) = delete;
  IdleWatch& operator=(const IdleWatch&) = delete;

 private:
  void Watch(const std::stop_token& stop);

  const LastUse& last_use_;
  const std::chrono::milliseconds timeout_;
  const std::function<bool()> idle_;
  Mutex mutex_;
  std::condition_variable_any stopping_;
  std::jthread thread_;
};

}  // namespace orcio::inline fusefs

#include "fusefs/system/idle_watch.h"

#include <utility>

namespace orcio::inline fusefs {

IdleWatch::IdleWatch(const LastUse& last_use, std::chrono::milliseconds timeout,
                     std::function<bool()> idle)
    : last_use_(last_use), timeout_(timeout), idle_(std::move(idle)) {
  if (timeout_.count() != 0)
    thread_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

IdleWatch::~IdleWatch() {
  thread_.request_stop();
}

void IdleWatch::Watch(const std::stop_token& stop) {
  auto idle_since = last_use_.at();
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      stopping_.wait_until(mutex_, stop, idle_since + timeout_, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const auto now = LastUse::Clock::now();
    if (now - last_use_.at() < timeout_) {
      idle_since = last_use_.at();
    } else if (idle_()) {
      return;
    } else {
      idle_since = now;
    }
  }
}

}  // namespace orcio::inline fusefs

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace orcio {

// Sleeps for `time`, or until `stop` is requested: then false. Allocates nothing (as a
// std::condition_variable_any does): threads that have nobody to tell of a failure sleep by it.
inline bool Pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable woken;
  bool stopped = false;  // under mutex
  const std::stop_callback wake(stop, [&] {
    const std::scoped_lock lock(mutex);
    stopped = true;
    woken.notify_all();
  });
  std::unique_lock lock(mutex);
  woken.wait_for(lock, time, [&] { return stopped; });
  return !stopped;
}

}  // namespace orcio

#pragma once

#include <chrono>
#include <condition_variable>
#include <stop_token>

#include "base/threads/mutex.h"

namespace orcio {

// Sleeps for `time`, or until `stop` is requested: then false.
inline bool Pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  Mutex mutex;
  std::condition_variable_any never;
  const MutexLock lock(mutex);
  never.wait_for(mutex, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace orcio

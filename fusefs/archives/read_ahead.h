#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

// Threads that decode what is about to be read. Thread-safe.
class ReadAhead {
 public:
  using Job = std::function<void()>;
  static constexpr uint64_t kPieceBytes = uint64_t{1} << 20;  // of a job

  // With less than two threads nothing is decoded ahead: whoever reads could do it as well.
  explicit ReadAhead(unsigned threads) : threads_wanted_(threads < 2 ? 0 : threads) {}
  // Jobs that have not begun are dropped.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // How far ahead of a reader they can usefully be, in bytes, if all readers share
  // `cache_bytes`; 0 if nothing is decoded ahead.
  [[nodiscard]] uint64_t Window(uint64_t cache_bytes) const;
  // Runs `job` soon, or drops it if too many wait already: it is only help.
  void Submit(Job job);

 private:
  void Work(const std::stop_token& stop);

  const unsigned threads_wanted_;
  Mutex mutex_;
  std::condition_variable_any submitted_;
  std::queue<Job> jobs_ GUARDED_BY(mutex_);
  // Started by the first job: a process that goes into the background forks before.
  std::vector<std::jthread> threads_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline fusefs

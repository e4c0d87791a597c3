#pragma once

#include <condition_variable>
#include <functional>
#include <queue>
#include <stop_token>
#include <thread>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

// Makes sidecars while a repository is mounted: one at a time, on a thread of the lowest priority
// for the processor and the disk, which also the threads that a job starts have. Thread-safe.
class Indexer {
 public:
  // A job that is running or waiting when this goes out of scope is told so, and run all the same:
  // it ends as cancelled.
  using Job = std::function<void(const std::stop_token&)>;

  Indexer() = default;
  ~Indexer();
  Indexer(const Indexer&) = delete;
  Indexer& operator=(const Indexer&) = delete;

  // Runs `job` once those before it are done.
  void Submit(Job job);
  // Tells all jobs to end, those to come as well.
  void Stop() { stop_.request_stop(); }

 private:
  void Work();

  std::stop_source stop_;
  Mutex mutex_;
  std::condition_variable_any submitted_;
  std::queue<Job> jobs_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
  // Started by the first job: a process that goes into the background forks before.
  std::jthread thread_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline fusefs

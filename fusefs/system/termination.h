#pragma once

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <functional>
#include <thread>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

// Ends a loop of this thread's when SIGTERM, SIGINT or SIGHUP comes, for as long as it lives, and
// has something reported at SIGUSR1. The
// signals are taken by a thread of its own: what is to be done then is more than a signal handler
// may do.
class Termination {
 public:
  // Make it before other threads, which inherit the blocked signals. `stop` makes the loop end the
  // next time it looks; system calls that the loop waits in are interrupted until it does.
  Termination(std::function<void()> stop, std::function<void()> report);
  ~Termination();
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

 private:
  void Watch();

  const std::function<void()> stop_;
  const std::function<void()> report_;
  const pthread_t loop_ = ::pthread_self();
  sigset_t awaited_{};
  sigset_t mask_before_{};
  struct sigaction nudge_before_ {};
  Mutex mutex_;
  std::condition_variable_any ended_changed_;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::jthread watcher_;
};

}  // namespace orcio::inline fusefs

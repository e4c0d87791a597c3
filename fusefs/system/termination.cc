#include "fusefs/system/termination.h"

#include <chrono>
#include <utility>

namespace orcio::inline fusefs {
namespace {

// Its handler does nothing; it is there to make system calls return EINTR.
constexpr int kNudge = SIGUSR2;
constexpr std::chrono::milliseconds kBetweenNudges{50};

}  // namespace

Termination::Termination(std::function<void()> stop, std::function<void()> report)
    : stop_(std::move(stop)), report_(std::move(report)) {
  ::sigemptyset(&awaited_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&awaited_, signal);
  ::pthread_sigmask(SIG_BLOCK, &awaited_, &mask_before_);
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  ::sigaction(kNudge, &nothing, &nudge_before_);
  watcher_ = std::jthread([this] { Watch(); });
}

Termination::~Termination() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
  // The watcher may still be waiting for its first signal.
  ::pthread_kill(watcher_.native_handle(), SIGHUP);
  watcher_.join();
  ::sigaction(kNudge, &nudge_before_, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Termination::Watch() {
  for (bool told = false; !told;) {
    int signal = 0;
    ::sigwait(&awaited_, &signal);
    {
      const MutexLock lock(mutex_);
      if (ended_) return;
    }
    told = signal != SIGUSR1;
    if (!told) report_();
  }
  stop_();
  const MutexLock lock(mutex_);
  // Again and again: a nudge that comes just before the loop goes to wait does not wake it.
  while (!ended_) {
    ::pthread_kill(loop_, kNudge);
    ended_changed_.wait_for(mutex_, kBetweenNudges, [&]() REQUIRES(mutex_) { return ended_; });
  }
}

}  // namespace orcio::inline fusefs

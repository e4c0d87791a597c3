#include "cli/shared/interrupt.h"

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace orcio::cli {
namespace {

sigset_t Signals(Interrupt::Hangup hangup) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
  if (hangup == Interrupt::Hangup::kStops) ::sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

Interrupt::Interrupt(Hangup hangup) : signals_(Signals(hangup)) {
  // Not blocked, since blocked signals are queued even if they are ignored. What is then written
  // to a terminal that is gone fails, and nothing depends on it.
  if (hangup == Hangup::kIgnored) ::signal(SIGHUP, SIG_IGN);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  waiter_ = std::jthread([this](const std::stop_token& end) {
    while (!end.stop_requested()) {
      const timespec wait{0, 100'000'000};
      const int signal = ::sigtimedwait(&signals_, nullptr, &wait);
      if (signal <= 0) continue;
      int none = 0;
      signal_.compare_exchange_strong(none, signal);
      source_.request_stop();
    }
  });
}

Interrupt::~Interrupt() {
  waiter_.request_stop();
  waiter_.join();
  ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

ExitCode Interrupt::exit_code() const {
  return signal_.load() == SIGTERM ? kTerminated : kInterrupted;
}

}  // namespace orcio::cli

#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace orcio::cli {
namespace {

sigset_t Signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = Signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  waiter_ = std::jthread([this, signals](const std::stop_token& end) {
    while (!end.stop_requested()) {
      const timespec wait{0, 100'000'000};
      const int signal = ::sigtimedwait(&signals, nullptr, &wait);
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
  const sigset_t signals = Signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

ExitCode Interrupt::exit_code() const {
  return signal_.load() == SIGTERM ? kTerminated : kInterrupted;
}

}  // namespace orcio::cli

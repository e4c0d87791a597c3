#pragma once

#include <signal.h>

#include <atomic>
#include <stop_token>
#include <thread>

#include "cli/shared/exit_code.h"

namespace orcio::cli {

// Turns SIGINT, SIGTERM and, unless told otherwise, SIGHUP into a stop request for as long as it
// lives. Made before any other thread, so that all of them inherit the blocked signals. A second
// signal does not end the process either: a service may be about to start again. Also ignores
// SIGPIPE, from then on: a proxy command that dies is a broken link, not our end.
class Interrupt {
 public:
  // What the end of the terminal does.
  enum class Hangup {
    kStops,    // as an interrupt does
    kIgnored,  // nothing, also once this is gone: hours of reading end with Ctrl-C or SIGTERM alone
  };

  explicit Interrupt(Hangup hangup = Hangup::kStops);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool requested() const { return signal_.load() != 0; }
  // kInterrupted or kTerminated, by which signal came first.
  [[nodiscard]] ExitCode exit_code() const;

 private:
  const sigset_t signals_;
  std::stop_source source_;
  std::atomic<int> signal_{0};
  std::jthread waiter_;
};

}  // namespace orcio::cli

#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "cli/exit_code.h"

namespace orcio::cli {

// Turns SIGINT, SIGTERM and SIGHUP into a stop request for as long as it lives. Made before any
// other thread, so that all of them inherit the blocked signals. A second signal does not end the
// process either: a service may be about to start again.
// Also ignores SIGPIPE, from then on: a proxy command that dies is a broken link, not our end.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool requested() const { return signal_.load() != 0; }
  // kInterrupted or kTerminated, by which signal came first.
  [[nodiscard]] ExitCode exit_code() const;

 private:
  std::stop_source source_;
  std::atomic<int> signal_{0};
  std::jthread waiter_;
};

}  // namespace orcio::cli

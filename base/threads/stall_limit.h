#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "base/byte_sink.h"

namespace orcio {

// A stop token that is requested to stop along with another, or once a stream has been silent for
// `longest`. Looks twenty times in that time and takes it for over after twenty looks without a
// byte: a process that was itself stopped, or a machine that slept, takes what waits for it before
// that counts as silence.
class StallLimit {
 public:
  // As Pause, which is used without one.
  using Wait = std::function<bool(std::chrono::milliseconds, const std::stop_token&)>;

  // Without `longest`, only `stop` counts.
  StallLimit(std::optional<std::chrono::seconds> longest, const std::stop_token& stop,
             Wait wait = {});

  // A byte came.
  void Count() { ++counted_; }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  // Whether the stream was silent for too long.
  [[nodiscard]] bool expired() const { return expired_; }

 private:
  void Watch(std::chrono::milliseconds step, const Wait& wait, const std::stop_token& over);

  std::stop_source source_;
  std::atomic<uint64_t> counted_ = 0;
  std::atomic<bool> expired_ = false;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread watch_;
};

// Hands a stream's bytes on, and tells a limit that they came. Once the limit's token is requested
// to stop it takes nothing more, and has whoever takes the bytes let go of it if that is what
// the stream waits for.
class HeardSink : public ByteSink {
 public:
  // `let_go` has `sink` return at once; called on any thread. All outlive this.
  HeardSink(ByteSink& sink, StallLimit& limit, std::function<void()> let_go = {});

  [[nodiscard]] Result<std::span<std::byte>> Buffer() override;
  [[nodiscard]] Result<void> Commit(size_t bytes) override;

  // Whether the stream waited for this machine when it was to stop, and not for the other one.
  [[nodiscard]] bool blocked() const { return blocked_; }

 private:
  void LetGo();

  ByteSink& sink_;
  StallLimit& limit_;
  const std::function<void()> let_go_;
  std::atomic<bool> busy_ = false;  // inside of sink_
  std::atomic<bool> blocked_ = false;
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace orcio

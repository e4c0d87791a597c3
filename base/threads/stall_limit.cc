#include "base/threads/stall_limit.h"

#include <utility>

namespace orcio {
namespace {

constexpr int kLooks = 20;

// Sets a flag for as long as it is there.
class Flagged {
 public:
  explicit Flagged(std::atomic<bool>& flag) : flag_(flag) { flag_ = true; }
  ~Flagged() { flag_ = false; }
  Flagged(const Flagged&) = delete;
  Flagged& operator=(const Flagged&) = delete;

 private:
  std::atomic<bool>& flag_;
};

Failure NothingMore() {
  return Fail(ErrorKind::kCancelled, "nothing more is taken");
}

}  // namespace

StallLimit::StallLimit(std::optional<std::chrono::seconds> longest, const std::stop_token& stop,
                       Wait wait)
    : forward_(stop, [this] { source_.request_stop(); }) {
  if (!longest) return;
  if (!wait) {
    wait = [this](std::chrono::milliseconds time, const std::stop_token& over) {
      const MutexLock lock(mutex_);
      never_.wait_for(mutex_, over, time, [] { return false; });
      return !over.stop_requested();
    };
  }
  watch_ = std::jthread(
      [this, step = std::chrono::milliseconds(*longest) / kLooks,
       wait = std::move(wait)](const std::stop_token& over) { Watch(step, wait, over); });
}

void StallLimit::Watch(std::chrono::milliseconds step, const Wait& wait,
                       const std::stop_token& over) {
  uint64_t seen = 0;
  for (int silent = 0; silent < kLooks;) {
    if (!wait(step, over)) return;
    const uint64_t now = counted_;
    silent = now == seen ? silent + 1 : 0;
    seen = now;
  }
  expired_ = true;
  source_.request_stop();
}

HeardSink::HeardSink(ByteSink& sink, StallLimit& limit, std::function<void()> let_go)
    : sink_(sink),
      limit_(limit),
      let_go_(std::move(let_go)),
      on_stop_(limit.token(), [this] { LetGo(); }) {}

void HeardSink::LetGo() {
  if (!busy_) return;
  blocked_ = true;
  if (let_go_) let_go_();
}

// Busy first, then the look at the token; LetGo comes the other way round: one sees the other.
Result<std::span<std::byte>> HeardSink::Buffer() {
  const Flagged busy(busy_);
  if (limit_.token().stop_requested()) return NothingMore();
  return sink_.Buffer();
}

Result<void> HeardSink::Commit(size_t bytes) {
  limit_.Count();
  const Flagged busy(busy_);
  if (limit_.token().stop_requested()) return NothingMore();
  ORCIO_TRY(sink_.Commit(bytes));
  limit_.Count();
  return {};
}

}  // namespace orcio

#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/threads/mutex.h"

namespace orcio {

// The threads of one pipeline. The first to fail asks all others to stop, and its error is the
// pipeline's. Declared after whatever the threads use: the destructor stops and joins them.
// Fail, Stop, status and token are thread-safe; Start and Join belong to the owner's thread.
class StageGroup {
 public:
  StageGroup() = default;
  StageGroup(const StageGroup&) = delete;
  StageGroup& operator=(const StageGroup&) = delete;
  ~StageGroup();

  // Runs `stage` in a thread of its own. A stage that was asked to stop returns what it likes. One
  // that throws, or for which there is no thread, has failed.
  void Start(std::function<Result<void>()> stage);
  void Fail(Error error);
  // Asks all to stop if nothing failed: the status is then kCancelled.
  void Stop();
  void Join();

  // The first error, or fine.
  [[nodiscard]] Result<void> status() const;
  // Asked to stop whenever the status is an error.
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  void Run(const std::function<Result<void>()>& stage);

  std::stop_source stop_;
  mutable Mutex mutex_;
  std::optional<Error> error_ GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace orcio

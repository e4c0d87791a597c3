#include "index/stage_group.h"

#include <utility>

namespace orcio {

StageGroup::~StageGroup() {
  Stop();
  Join();
}

void StageGroup::Start(std::function<Result<void>()> stage) {
  threads_.emplace_back([this, stage = std::move(stage)] {
    if (auto ended = stage(); !ended) Fail(std::move(ended).error());
  });
}

void StageGroup::Fail(Error error) {
  {
    std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  stop_.request_stop();
}

void StageGroup::Stop() {
  Fail(Error{ErrorKind::kCancelled, 0, "asked to stop"});
}

void StageGroup::Join() {
  threads_.clear();
}

Result<void> StageGroup::status() const {
  std::scoped_lock lock(mutex_);
  if (error_) return Failure(*error_);
  return {};
}

}  // namespace orcio

#include "base/threads/stage_group.h"

#include <cerrno>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace orcio {

StageGroup::~StageGroup() {
  Stop();
  Join();
}

void StageGroup::Start(std::function<Result<void>()> stage) {
  try {
    threads_.emplace_back([this, stage = std::move(stage)] { Run(stage); });
  } catch (const std::system_error& error) {
    Fail(Error{ErrorKind::kIo, error.code().value(), "cannot start a thread"});
  }
}

// Nobody is above a thread to catch what it throws: it would be the end of the process, with a
// service stopped, perhaps.
void StageGroup::Run(const std::function<Result<void>()>& stage) {
  try {
    if (auto ended = stage(); !ended) Fail(std::move(ended).error());
  } catch (const std::bad_alloc&) {
    Fail(Error{ErrorKind::kIo, ENOMEM, "out of memory"});
  } catch (const std::exception& exception) {
    Fail(Error{ErrorKind::kIo, 0, std::string("a bug: ") + exception.what()});
  }
}

void StageGroup::Fail(Error error) {
  {
    const MutexLock lock(mutex_);
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
  const MutexLock lock(mutex_);
  if (error_) return Failure(*error_);
  return {};
}

}  // namespace orcio

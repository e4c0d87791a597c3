#include "fusefs/archives/read_ahead.h"

#include <algorithm>
#include <new>
#include <utility>

namespace orcio::inline fusefs {
namespace {

constexpr uint64_t kMostPieces = 16;
// Of the cache; the rest is for what was read already, and for other readers.
constexpr uint64_t kShareOfCache = 4;

}  // namespace

ReadAhead::~ReadAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

uint64_t ReadAhead::Window(uint64_t cache_bytes) const {
  const uint64_t pieces = std::min<uint64_t>(kMostPieces, 2 * threads_wanted_);
  return std::min(pieces * kPieceBytes, cache_bytes / kShareOfCache);
}

void ReadAhead::Submit(Job job) {
  {
    const MutexLock lock(mutex_);
    if (jobs_.size() >= kMostPieces) return;
    jobs_.push(std::move(job));
    while (threads_.size() < threads_wanted_)
      threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
  }
  submitted_.notify_one();
}

void ReadAhead::Work(const std::stop_token& stop) {
  for (;;) {
    Job job;
    {
      const MutexLock lock(mutex_);
      submitted_.wait(mutex_, stop, [&]() REQUIRES(mutex_) { return !jobs_.empty(); });
      if (stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop();
    }
    try {
      job();
    } catch (const std::bad_alloc&) {
      // Nobody waits for it.
    }
  }
}

}  // namespace orcio::inline fusefs

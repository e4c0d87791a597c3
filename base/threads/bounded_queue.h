#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/threads/mutex.h"

namespace orcio {

// A first-in-first-out queue between threads that holds at most `capacity` items. Thread-safe.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False if `stop` was requested or the queue is closed: the item is dropped.
  [[nodiscard]] bool Push(T item, const std::stop_token& stop) {
    {
      const MutexLock lock(mutex_);
      const bool ready = changed_.wait(
          mutex_, stop, [&]() REQUIRES(mutex_) { return closed_ || items_.size() < capacity_; });
      if (!ready || closed_) return false;
      items_.push_back(std::move(item));
    }
    changed_.notify_all();
    return true;
  }

  // Waits for an item. Nothing if `stop` was requested, or the queue is closed and empty.
  [[nodiscard]] std::optional<T> Pop(const std::stop_token& stop) {
    std::optional<T> item;
    {
      const MutexLock lock(mutex_);
      const bool ready = changed_.wait(
          mutex_, stop, [&]() REQUIRES(mutex_) { return closed_ || !items_.empty(); });
      if (!ready || items_.empty()) return std::nullopt;
      item.emplace(std::move(items_.front()));
      items_.pop_front();
    }
    changed_.notify_all();
    return item;
  }

  // No more items come: Pop drains what is there, then returns nothing.
  void Close() {
    {
      const MutexLock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> items_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace orcio

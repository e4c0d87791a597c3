#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/threads/mutex.h"

namespace orcio {

// Items that several threads make in any order and one thread takes in theirs: item i goes to slot
// i modulo `count`, once item i - count has been taken. Slots keep what their items allocated.
// Thread-safe; a slot belongs to whoever claimed it until it is filled, then to the taker.
//
// Whoever makes items must begin them in order, or all slots can end up claimed by later items
// than the one that is waited for.
template <class T>
class OrderedSlots {
 public:
  explicit OrderedSlots(size_t count) : slots_(count) {}

  // Waits until item `index` has its slot. Null if `stop` was requested.
  [[nodiscard]] T* Claim(uint64_t index, const std::stop_token& stop) {
    const MutexLock lock(mutex_);
    const bool ready = changed_.wait(
        mutex_, stop, [&]() REQUIRES(mutex_) { return index < taken_ + slots_.size(); });
    return ready ? &At(index).item : nullptr;
  }

  // Item `index` is ready to be taken.
  void Fill(uint64_t index) {
    {
      const MutexLock lock(mutex_);
      At(index).filled = true;
    }
    changed_.notify_all();
  }

  // There will be `count` items in all.
  void End(uint64_t count) {
    {
      const MutexLock lock(mutex_);
      end_ = count;
    }
    changed_.notify_all();
  }

  // Waits for the next item in order, valid until Pop. Null at the end, or if `stop` was
  // requested.
  [[nodiscard]] T* Front(const std::stop_token& stop) {
    const MutexLock lock(mutex_);
    const bool ready = changed_.wait(
        mutex_, stop, [&]() REQUIRES(mutex_) { return At(taken_).filled || end_ == taken_; });
    return ready && At(taken_).filled ? &At(taken_).item : nullptr;
  }

  // The taker is done with Front.
  void Pop() {
    {
      const MutexLock lock(mutex_);
      At(taken_).filled = false;
      ++taken_;
    }
    changed_.notify_all();
  }

 private:
  struct Slot {
    T item;
    bool filled = false;
  };
  [[nodiscard]] Slot& At(uint64_t index) REQUIRES(mutex_) { return slots_[index % slots_.size()]; }

  Mutex mutex_;
  std::condition_variable_any changed_;
  // The items themselves belong to whoever has claimed or takes them.
  std::vector<Slot> slots_ GUARDED_BY(mutex_);
  uint64_t taken_ GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> end_ GUARDED_BY(mutex_);
};

}  // namespace orcio

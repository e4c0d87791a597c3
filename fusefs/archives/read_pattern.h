#pragma once

#include <cstdint>
#include <optional>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

// Tells reads of a file from front to back, which are worth decoding ahead of, from others. Reads
// come a little out of order, since the kernel sends several at a time. Thread-safe.
class ReadPattern {
 public:
  struct Range {
    uint64_t offset = 0;
    uint64_t size = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };

  // `window` is how far ahead to be at most; `file_bytes` the file's size.
  ReadPattern(uint64_t window, uint64_t file_bytes) : window_(window), file_bytes_(file_bytes) {}

  // A read of `size` bytes from `offset` has come. What to decode ahead of it that was not named
  // before: never more in all than has been read in sequence, since it may end any time.
  [[nodiscard]] std::optional<Range> Next(uint64_t offset, uint64_t size);

 private:
  const uint64_t window_;
  const uint64_t file_bytes_;
  Mutex mutex_;
  uint64_t end_ GUARDED_BY(mutex_) = 0;    // of the furthest read of those in sequence
  uint64_t run_ GUARDED_BY(mutex_) = 0;    // bytes read in sequence
  uint64_t ahead_ GUARDED_BY(mutex_) = 0;  // up to where something was named
};

}  // namespace orcio::inline fusefs

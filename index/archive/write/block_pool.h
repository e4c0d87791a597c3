#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/threads/mutex.h"
#include "index/gzip/gzip_member.h"

namespace orcio::inline index {

// One member's tar bytes, on their way from the network to whoever reads them.
struct PooledBlock {
  std::unique_ptr<std::byte[]> bytes;  // kMemberTarBytes of room
  size_t size = 0;                     // filled
};

// Hands out blocks and takes them back when their last user lets go. Allocates a block only if
// none is free, so its memory is what the slowest user makes necessary. Thread-safe. Outlives its
// blocks.
class BlockPool {
 public:
  explicit BlockPool(size_t capacity);

  // An empty block; waits while `capacity` blocks are in use. Null if `stop` was requested.
  [[nodiscard]] std::shared_ptr<PooledBlock> Take(const std::stop_token& stop);

 private:
  void Return(PooledBlock* block);

  const size_t capacity_;
  Mutex mutex_;
  std::condition_variable_any returned_;
  size_t allocated_ GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<PooledBlock>> free_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline index

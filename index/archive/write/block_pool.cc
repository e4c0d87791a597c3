#include "index/archive/write/block_pool.h"

#include <utility>

namespace orcio::inline index {

BlockPool::BlockPool(size_t capacity) : capacity_(capacity) {
  free_.reserve(capacity);  // so that Return cannot fail
}

std::shared_ptr<PooledBlock> BlockPool::Take(const std::stop_token& stop) {
  std::unique_ptr<PooledBlock> block;
  {
    const MutexLock lock(mutex_);
    const bool ready = returned_.wait(
        mutex_, stop, [&]() REQUIRES(mutex_) { return !free_.empty() || allocated_ < capacity_; });
    if (!ready) return nullptr;
    if (free_.empty()) {
      ++allocated_;
    } else {
      // The last one returned: the likeliest to be in a processor's cache still.
      block = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (block == nullptr) {
    block = std::make_unique<PooledBlock>();
    block->bytes = std::make_unique_for_overwrite<std::byte[]>(kMemberTarBytes);
  }
  block->size = 0;
  return {block.release(), [this](PooledBlock* returned) { Return(returned); }};
}

void BlockPool::Return(PooledBlock* block) {
  {
    const MutexLock lock(mutex_);
    free_.emplace_back(block);
  }
  returned_.notify_one();
}

}  // namespace orcio::inline index

#include "fusefs/archives/read_pattern.h"

#include <algorithm>

namespace orcio::inline fusefs {
namespace {

// As far from each other the kernel's reads of one sequence can come.
constexpr uint64_t kOutOfOrder = uint64_t{1} << 20;
// Shorter runs are headers and small files: the kernel's own read-ahead has those.
constexpr uint64_t kLeastRun = uint64_t{512} << 10;
// Less at a time is not worth waking a thread.
constexpr uint64_t kLeastRange = uint64_t{512} << 10;

}  // namespace

std::optional<ReadPattern::Range> ReadPattern::Next(uint64_t offset, uint64_t size) {
  const MutexLock lock(mutex_);
  if (offset > end_ + kOutOfOrder || offset + kOutOfOrder < end_) {
    run_ = 0;
    end_ = ahead_ = offset;
  }
  run_ += size;
  end_ = std::max(end_, offset + size);
  if (run_ < kLeastRun) return std::nullopt;
  const uint64_t begin = std::max(ahead_, end_);
  const uint64_t target = std::min(end_ + std::min(window_, run_), file_bytes_);
  // The last range of a file may be smaller.
  if (target <= begin || (target - begin < kLeastRange && target != file_bytes_))
    return std::nullopt;
  ahead_ = target;
  return Range{begin, target - begin};
}

}  // namespace orcio::inline fusefs

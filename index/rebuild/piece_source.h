#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/threads/bounded_queue.h"
#include "base/threads/stage_group.h"
#include "index/files/byte_source.h"

namespace orcio::inline index {

using ArchivePiece = std::vector<std::byte>;

// The pieces of an archive that another thread reads.
class PieceSource : public ByteSource {
 public:
  // Its first byte is that after the first `skipped` of the first piece. It hands out so many
  // alone `at_first`, if that is not 0: see GzipStream::State.
  PieceSource(BoundedQueue<ArchivePiece>& pieces, const StageGroup& stages, size_t skipped,
              uint64_t at_first)
      : pieces_(pieces), stages_(stages), skipped_(skipped), at_first_(at_first) {}

  Result<size_t> Read(std::span<std::byte> into) override {
    if (done_ == piece_.size() && !NextPiece()) {
      ORCIO_TRY(stages_.status());
      return 0;
    }
    size_t count = std::min(into.size(), piece_.size() - done_);
    if (at_first_ > 0) count = static_cast<size_t>(std::min<uint64_t>(count, at_first_));
    at_first_ -= std::min<uint64_t>(count, at_first_);
    std::memcpy(into.data(), piece_.data() + done_, count);
    done_ += count;
    return count;
  }
  // Passes over the rest: it is digested before it comes here.
  void Drain() {
    while (NextPiece()) {
    }
  }

 private:
  bool NextPiece() {
    auto piece = pieces_.Pop(stages_.token());
    piece_ = piece ? std::move(*piece) : ArchivePiece();
    done_ = std::min(std::exchange(skipped_, 0), piece_.size());
    return piece.has_value();
  }

  BoundedQueue<ArchivePiece>& pieces_;
  const StageGroup& stages_;
  size_t skipped_;
  uint64_t at_first_;
  ArchivePiece piece_;
  size_t done_ = 0;
};

}  // namespace orcio::inline index

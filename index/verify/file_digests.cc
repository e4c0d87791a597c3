#include "index/verify/file_digests.h"

#include <algorithm>
#include <limits>

namespace orcio::inline index {

Result<void> FileDigests::Take(std::span<const std::byte> bytes) {
  return Advance(position_ + bytes.size(), bytes, false);
}

Result<void> FileDigests::Lose(uint64_t bytes) {
  return Advance(position_ + bytes, {}, true);
}

Result<void> FileDigests::Finish() {
  return Advance(std::numeric_limits<uint64_t>::max(), {}, true);
}

Result<void> FileDigests::Advance(uint64_t end, std::span<const std::byte> bytes, bool lost) {
  const uint64_t begin = position_;
  position_ = end;
  while (open_ || (next_ < order_.files().size() && order_.files()[next_].tar_offset < end)) {
    if (!open_) ORCIO_TRY(OpenFile());
    while (extent_ < extents_.size()) {
      const Extent& extent = extents_[extent_];
      // Where in the tar this file's digest goes on.
      const uint64_t done =
          file_offset_ > extent.file_offset ? file_offset_ - extent.file_offset : 0;
      const uint64_t from = extent.tar_offset + done;
      if (from >= end) return {};
      const uint64_t to = std::min(end, extent.tar_offset + extent.length);
      if (lost || from < begin) comparing_ = false;
      if (comparing_) {
        DigestHoleUpTo(extent.file_offset);
        sha256_.Update(
            bytes.subspan(static_cast<size_t>(from - begin), static_cast<size_t>(to - from)));
      }
      file_offset_ = extent.file_offset + (to - extent.tar_offset);
      if (to < extent.tar_offset + extent.length) return {};
      ++extent_;
    }
    ORCIO_TRY(CloseFile());
  }
  return {};
}

Result<void> FileDigests::OpenFile() {
  const NodeId id = order_.files()[next_].node;
  const NodeInfo node = ORCIO_TRY(sidecar_.Node(id));
  const auto digest = ORCIO_TRY(sidecar_.Digest(id));
  open_ = true;
  comparing_ = digest.has_value() && node.complete;
  if (digest) recorded_ = *digest;
  size_ = node.size;
  extents_ = ORCIO_TRY(sidecar_.Extents(id));
  extent_ = 0;
  file_offset_ = 0;
  static_cast<void>(sha256_.Finish());  // of one that was given up
  return {};
}

Result<void> FileDigests::CloseFile() {
  const NodeId id = order_.files()[next_].node;
  open_ = false;
  ++next_;
  if (!comparing_) return {};
  DigestHoleUpTo(size_);
  ++compared_;
  if (sha256_.Finish() != recorded_) return differs_(id);
  return {};
}

void FileDigests::DigestHoleUpTo(uint64_t file_offset) {
  if (file_offset > file_offset_) sha256_.UpdateZeros(file_offset - file_offset_);
  file_offset_ = std::max(file_offset_, file_offset);
}

}  // namespace orcio::inline index

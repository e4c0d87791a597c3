#include "index/entry/extent_check.h"

#include "base/bytes.h"

namespace orcio::inline index {

bool ExtentsAreSound(std::span<const Extent> extents, uint64_t file_bytes, uint64_t tar_bytes) {
  uint64_t reached = 0;
  for (const Extent& extent : extents) {
    const auto file_end = CheckedAdd(extent.file_offset, extent.length);
    const auto tar_end = CheckedAdd(extent.tar_offset, extent.length);
    if (!file_end || !tar_end || extent.file_offset < reached || *file_end > file_bytes ||
        *tar_end > tar_bytes) {
      return false;
    }
    reached = *file_end;
  }
  return true;
}

}  // namespace orcio::inline index

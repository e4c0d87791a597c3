#pragma once

#include <cstdint>
#include <span>

#include "index/entry/entry.h"

namespace orcio::inline index {

// Whether a file of `file_bytes` can have `extents`, in a tar of `tar_bytes`: they ascend, do not
// overlap, and lie in the file and in the tar. Empty ones may be among them.
[[nodiscard]] bool ExtentsAreSound(std::span<const Extent> extents, uint64_t file_bytes,
                                   uint64_t tar_bytes);

}  // namespace orcio::inline index

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/rebuild/indexed_archive.h"

namespace orcio::inline index {

// Tar bytes that may be others than were archived.
struct DoubtfulStretch {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Makes what is in doubt spans that are lost, so that nobody reads it, and forgets the digests of
// files in them. A span that is in doubt from its middle on keeps what stands before.
[[nodiscard]] Result<void> LoseSpans(const RandomAccess& archive, const std::string& name,
                                     std::span<const DoubtfulStretch> doubts,
                                     IndexedArchive& indexed);

}  // namespace orcio::inline index

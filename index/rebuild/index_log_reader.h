#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/inflate/inflater.h"
#include "index/rebuild/index_records.h"
#include "index/rebuild/indexed_archive.h"

namespace orcio::inline index {

// A record of a log, after its length and its checksum, and those: see FORMAT.md.
inline constexpr size_t kLogFrameBytes = 8;
inline constexpr uint64_t kMostLogRecordBytes = uint64_t{16} << 20;

// What was found before indexing was interrupted, and is not in the IndexedArchive already.
struct ResumedIndex {
  IndexPoint point;
  Inflater inflater;                   // stands there
  std::optional<TarEntry> last_entry;  // that the builder has not been given
};

struct ReadLog {
  ResumedIndex resumed;
  uint64_t log_bytes = 0;  // up to where the point's record ends
  uint32_t crc32 = 0;      // of that
};

// Puts into `indexed`, which is empty, what `log` says up to its last point. Nothing of `log` is
// trusted: kDamaged, or the builder's error, if it contradicts itself, the archive or `begin`,
// its first record, or has no point; kCancelled, which it asks for at each record. Then `indexed`
// holds anything.
[[nodiscard]] Result<ReadLog> ReadIndexLog(const RandomAccess& log,
                                           std::span<const std::byte> begin,
                                           const RandomAccess& archive, bool is_gzip,
                                           const std::stop_token& stop, IndexedArchive& indexed);

}  // namespace orcio::inline index

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/archive/write/archive_files.h"
#include "index/entry/entry.h"
#include "index/spans/span_table.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

// Whether an archive that was put together is the tar that its entries describe: reads every header
// of it, up to the end-of-archive marker, and holds it against what was added. Members within a
// file's content are not decoded. Not thread-safe.
class HeaderCheck {
 public:
  // The next entry of the tar, with offsets in it; its content ends at `end`.
  void Add(const TarEntry& entry, uint64_t end);

  // kDamaged if the archive's tar has other entries, or is not whole.
  [[nodiscard]] Result<void> Finish(const RandomAccess& archive, const std::string& name,
                                    std::span<const Span> spans, const TarSummary& expected);

 private:
  struct Region {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  std::vector<Region> headers_;  // ascending; what lies between them is content
  Sha256 described_;
};

}  // namespace orcio::inline index

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "index/entry.h"
#include "index/error.h"

namespace orcio {

// Where the scanner gets its tar from, front to back.
class TarSource {
 public:
  virtual ~TarSource() = default;
  // The next bytes, valid until the next call; empty at the end. An error ends the scan with it.
  [[nodiscard]] virtual Result<std::span<const std::byte>> Next() = 0;
};

struct TarSummary {
  uint64_t tar_bytes = 0;  // all of the stream, padding included
  uint64_t entries = 0;
  uint64_t end_of_entries = 0;  // tar offset behind the last entry's padded content
  // Two zero blocks where the next header would be, and nothing but zeros behind them: the tar is
  // whole.
  bool end_marker = false;
  // What was odd without being fatal, for people; at most 100, the rest only counted.
  std::vector<std::string> warnings;
  uint64_t warning_count = 0;
};

struct TarScanOptions {
  bool digest = true;  // SHA-256 of each file's content
  // Holes of a sparse file are digested as zeros, which costs time though there is nothing to read:
  // a file with more bytes of holes than this gets no digest.
  uint64_t max_hole_bytes = uint64_t{16} << 30;
};

// Reads every entry of a tar in any dialect libarchive knows, in one pass, and hands each to `sink`
// once its content has gone by. Reads `source` to its end, also past the end-of-archive marker.
// kDamaged where the headers stop making sense: entries handed out before stay good. Where the tar
// ends inside an entry, that one is handed out as far as it goes, and is not complete; nor is a
// sparse file whose map contradicts what is stored. A hard link may carry its content again (pax):
// then it has size and extents, never a digest. Entries of unknown type are files (POSIX); those
// without a name, and links without a target, are left out with a warning. Stops at the first
// end-of-archive marker, as tar does: what follows is left out, and such a tar is not whole.
// Memory: one entry and one piece of `source`; kLimit where an entry's headers exceed 16 MiB.
[[nodiscard]] Result<TarSummary> ScanTar(TarSource& source,
                                         const std::function<Result<void>(TarEntry&&)>& sink,
                                         const TarScanOptions& options = {});

}  // namespace orcio

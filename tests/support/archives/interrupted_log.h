#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "index/rebuild/rebuild.h"
#include "tests/support/files/memory_files.h"

namespace orcio::test {

// A small archive in memory that orcio did not write, and the log of its interrupted indexing.
struct InterruptedLog {
  static inline const std::filesystem::path kArchive = "/r/wiki-20221105.tar.gz";
  static inline const std::filesystem::path kSidecar = "/r/wiki-20221105.tar.gz.idx";
  static inline const std::filesystem::path kLog = "/r/.wiki-20221105.tar.gz.idx.resume";

  explicit InterruptedLog(bool is_gzip);

  void Put(FileBytes log) { files.Put(kLog, std::move(log)); }
  // Indexes until so many spans more have been decoded; what the log holds then, empty if there
  // is none.
  [[nodiscard]] FileBytes Make(size_t spans);

  MemoryFiles files;
};

// The log with the checksum of each record made right, up to the first whose length cannot be.
[[nodiscard]] FileBytes WithChecksums(FileBytes log);

}  // namespace orcio::test

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// One stretch of an archive that is damaged, and what it takes with it.
struct ArchiveDamage {
  uint64_t archive_offset = 0;  // in the archive file
  uint64_t archive_bytes = 0;   // 0 if the stretch is not known
  uint64_t tar_offset = 0;
  uint64_t tar_bytes = 0;
  std::string message = {};             // names the archive
  std::vector<std::string> files = {};  // paths of those that are hit, the first kMaxFiles of them
  uint64_t file_count = 0;              // all of them
  static constexpr size_t kMaxFiles = 100;
};

struct VerifyOptions {
  // Every byte: decodes all spans and compares their checksums, the digest of each file, and that
  // of the archive file. Otherwise only what is quick: that the index is sound and the archive's,
  // that its spans and members chain up, and that the tar was whole.
  bool read_data = false;
  unsigned threads = 0;  // decoding; 0: one a core
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)>
      progress;  // of the tar; may be empty
};

struct VerifyCounts {
  uint64_t tar_bytes = 0;  // decoded and compared
  uint64_t files = 0;      // whose digests were compared
  uint64_t damages = 0;
  // Every byte was read and held against the index: not so if that is damaged or another
  // archive's, whatever was asked.
  bool read_data = false;
};

// Checks an archive against its sidecar and hands each damage to `report`, on the calling thread,
// in the archive's order. The sidecar's own damage is one, too, and if every byte is asked for,
// what the archive's own checksums and its tar say comes after it; kNotFound if there is none.
// Other errors are of reading the file, and kCancelled.
[[nodiscard]] Result<VerifyCounts> VerifyArchive(
    const FileSystem& files, const std::filesystem::path& archive,
    const std::filesystem::path& sidecar, const VerifyOptions& options,
    const std::function<void(const ArchiveDamage&)>& report, const std::stop_token& stop);

}  // namespace orcio::inline index

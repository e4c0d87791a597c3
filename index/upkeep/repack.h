#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

enum class RepackStep {
  kIndexing,  // bytes of the archive
  kCopying,   // bytes of its tar
  kProving,   // bytes of the tar, read back
};

struct RepackOptions {
  unsigned threads = 0;  // compressing and decoding; 0: one a core
  // Of each step; `total_bytes` is 0 if nobody knows. May be empty.
  std::function<void(RepackStep step, uint64_t done_bytes, uint64_t total_bytes)> progress;
};

struct Repacked {
  std::filesystem::path archive;  // its new name
  uint64_t bytes_before = 0;      // of the archive file
  uint64_t bytes_after = 0;
  uint64_t tar_bytes = 0;
  Sha256Digest tar_sha256{};  // of the whole tar
  bool was_ours = false;      // nothing was done
};

// The name an archive gets: that under which it is listed, as "<service>-<date>.tar.gz". Nothing
// if it is no archive's, in any compression.
[[nodiscard]] std::optional<std::string> RepackedName(std::string_view file_name,
                                                      int64_t mtime_seconds);

// Rewrites an archive in somebody else's gzip, without compression, or in another one (xz, zstd,
// bzip2, lz4, lzip, lzma, compress) as one of orcio's: the same tar, byte for byte. The original is
// replaced, or removed if its name was another, once the new archive has been read back from the
// disk and its tar has the digest of the original's, and is on disk for good under its name. Until
// then nothing is changed, whatever fails: kDamaged if the original or its tar is not whole.
// If it ends between the two, both are there. The caller holds the repository's lock.
[[nodiscard]] Result<Repacked> RepackArchive(const FileSystem& files,
                                             const std::filesystem::path& archive,
                                             const std::filesystem::path& sidecar,
                                             const RepackOptions& options,
                                             const std::stop_token& stop);

}  // namespace orcio::inline index

#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// Which archive a sidecar belongs to: never its path or mtime, archives get moved.
struct ArchiveIdentity {
  uint64_t bytes = 0;     // of the archive file
  Sha256Digest sha256{};  // of the whole archive file
  // Of the file's first and last 4096 bytes (the whole file twice if it is shorter): checked on
  // every open, where digesting all of it would take too long. Whatever differs in between is
  // caught by the CRC of the span it is in.
  Sha256Digest edges_sha256{};
  friend bool operator==(const ArchiveIdentity&, const ArchiveIdentity&) = default;
};

// Digest of the first and last 4096 bytes of `archive`.
[[nodiscard]] Result<Sha256Digest> DigestEdges(const RandomAccess& archive);

}  // namespace orcio::inline index

#pragma once

#include <cstdint>

namespace orcio::inline index {

// A stretch of the tar that can be decoded alone: in archives that orcio wrote, one gzip member.
struct Span {
  uint64_t tar_offset = 0;      // first tar byte
  uint32_t tar_bytes = 0;       // > 0
  uint64_t archive_offset = 0;  // first byte in the archive file
  uint32_t archive_bytes = 0;   // > 0
  uint32_t crc32 = 0;           // of its tar bytes
  friend bool operator==(const Span&, const Span&) = default;
};

}  // namespace orcio::inline index

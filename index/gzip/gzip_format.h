#pragma once

#include <cstddef>
#include <cstdint>

// The numbers of the gzip format (RFC 1952, 2.3).
namespace orcio::inline index::gzip {

// gzip(1) takes bit 1 for "part of several", which it once meant, and zlib and everybody since
// for a CRC of the header.
enum Flags : uint8_t { kHeaderCrc = 2, kExtra = 4, kName = 8, kComment = 16, kReserved = 0xE0 };

inline constexpr size_t kMagicBytes = 2;
inline constexpr size_t kFixedHeaderBytes = 10;
inline constexpr size_t kTrailerBytes = 8;

}  // namespace orcio::inline index::gzip

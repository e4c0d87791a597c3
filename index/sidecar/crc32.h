#pragma once

#include <libdeflate.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace orcio::inline index {

// CRC-32 as gzip has it (RFC 1952, 8).
[[nodiscard]] inline uint32_t Crc32(std::span<const std::byte> bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

}  // namespace orcio::inline index

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace orcio::inline index {

// The gzip members (RFC 1952) that orcio writes. FORMAT.md, "Members", has the layout: each member
// carries a FEXTRA subfield 'O','C' with its own sizes, so that a reader hops from one to the next
// without decoding; the last member is empty and says how long the tar is, so that an archive cut
// at a member's end is noticed.

inline constexpr size_t kMemberTarBytes = 256 * 1024;  // tar bytes in each member but the last
// No member of ours is larger than this on either side; a reader refuses more before allocating.
inline constexpr uint32_t kMaxMemberTarBytes = 4 * 1024 * 1024;
inline constexpr uint32_t kMaxMemberBytes = kMaxMemberTarBytes + 64 * 1024;
// Enough bytes to parse any member header of ours.
inline constexpr size_t kMaxMemberHeaderBytes = 64;

struct MemberHeader {
  uint32_t header_bytes = 0;  // up to the first byte of the deflate stream
  uint32_t member_bytes = 0;  // the whole member, header and trailer included
  uint32_t tar_bytes = 0;     // what it decodes to; 0 in the end member
  bool is_end = false;
  uint64_t total_tar_bytes = 0;  // in the end member: tar bytes in all members before it
};

// kUnsupported if the bytes start a gzip member that is not one of ours; kDamaged if they are
// no gzip member, or one of ours with impossible sizes. `bytes` may be longer than the header.
[[nodiscard]] Result<MemberHeader> ParseMemberHeader(std::span<const std::byte> bytes);

// Compresses one member at a time. Not thread-safe: one a thread. Deterministic: the same tar bytes
// give the same member, on any machine with the same libdeflate.
class MemberEncoder {
 public:
  MemberEncoder();
  ~MemberEncoder();

  struct Encoded {
    uint32_t crc32 = 0;   // of the tar bytes
    bool stored = false;  // did not compress, and was put into stored blocks
  };
  // Replaces `out` by a whole member holding `tar`, 1 to kMaxMemberTarBytes bytes.
  Encoded Encode(std::span<const std::byte> tar, std::vector<std::byte>& out);

 private:
  struct Compressor;
  std::unique_ptr<Compressor> compressor_;
};

// The empty member that ends an archive of `total_tar_bytes`.
[[nodiscard]] std::vector<std::byte> EncodeEndMember(uint64_t total_tar_bytes);

// Decodes one member at a time. Not thread-safe: one a thread.
class MemberDecoder {
 public:
  MemberDecoder();
  ~MemberDecoder();

  // Decodes the whole gzip member `member` (ours or any other with a known size) into `into`, which
  // must be just as long as what it decodes to. Checks the deflate stream, CRC-32 and ISIZE:
  // kDamaged, naming `what`, if any of them is off; `into` then holds garbage. Returns the
  // CRC-32 of the decoded bytes.
  [[nodiscard]] Result<uint32_t> Decode(std::span<const std::byte> member,
                                        std::span<std::byte> into, std::string_view what);

 private:
  struct Decompressor;
  std::unique_ptr<Decompressor> decompressor_;
};

}  // namespace orcio::inline index

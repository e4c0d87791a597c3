#include "index/gzip/gzip_member.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/free_with.h"
#include "index/gzip/compressibility.h"
#include "index/gzip/gzip_format.h"

namespace orcio::inline index {
namespace {

constexpr uint8_t kUnknownSystem = 255;
// The shortest deflate stream: an empty block with fixed codes.
constexpr std::array kEmptyDeflate = {std::byte{0x03}, std::byte{0x00}};

// FORMAT.md, "Members".
constexpr uint8_t kVersion = 1;
constexpr uint8_t kEndMember = 1;
constexpr uint16_t kPayloadBytes = 12;
constexpr uint16_t kEndPayloadBytes = 20;
constexpr size_t kSubfieldHeaderBytes = 4;
constexpr size_t kHeaderBytes = gzip::kFixedHeaderBytes + 2 + kSubfieldHeaderBytes + kPayloadBytes;
constexpr size_t kEndHeaderBytes = kHeaderBytes + 8;
constexpr size_t kMemberBytesOffset = kHeaderBytes - 8;
static_assert(kEndHeaderBytes <= kMaxMemberHeaderBytes);

constexpr int kLevel = 6;
constexpr size_t kStoredBlockBytes = 65535;  // RFC 1951, 3.2.4
constexpr size_t kStoredHeaderBytes = 5;
// Less than one part in 128 gained is not worth decoding it for each read: stored, it is a copy.
constexpr size_t kLeastGain = 128;

Failure Short() {
  return Fail(ErrorKind::kDamaged, "gzip member header is cut short");
}

// Passes over a text that ends in NUL. False if it does not end.
bool SkipText(ByteReader& reader) {
  while (auto byte = reader.Get<uint8_t>())
    if (*byte == 0) return true;
  return false;
}

// What every gzip member starts with. Leaves `reader` after it.
Result<uint8_t> ParseFixedHeader(ByteReader& reader) {
  const auto fixed = reader.Bytes(gzip::kFixedHeaderBytes);
  if (!fixed) return Short();
  if ((*fixed)[0] != std::byte{0x1f} || (*fixed)[1] != std::byte{0x8b})
    return Fail(ErrorKind::kDamaged, "no gzip member starts here");
  if ((*fixed)[2] != std::byte{8})
    return Fail(ErrorKind::kDamaged, "gzip member has unknown compression method {}",
                static_cast<unsigned>((*fixed)[2]));
  const auto flags = static_cast<uint8_t>((*fixed)[3]);
  if ((flags & gzip::kReserved) != 0)
    return Fail(ErrorKind::kDamaged, "gzip member has reserved flags {:#x}", flags);
  return flags;
}

// Any header of RFC 1952. Returns its length.
Result<size_t> ParseAnyHeader(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const uint8_t flags = ORCIO_TRY(ParseFixedHeader(reader));
  if ((flags & gzip::kExtra) != 0) {
    const auto extra_bytes = reader.Get<uint16_t>();
    if (!extra_bytes || !reader.Bytes(*extra_bytes)) return Short();
  }
  if ((flags & gzip::kName) != 0 && !SkipText(reader)) return Short();
  if ((flags & gzip::kComment) != 0 && !SkipText(reader)) return Short();
  if ((flags & gzip::kHeaderCrc) != 0) {
    const size_t covered = bytes.size() - reader.left();
    const auto expected = reader.Get<uint16_t>();
    if (!expected) return Short();
    const auto actual = static_cast<uint16_t>(libdeflate_crc32(0, bytes.data(), covered));
    if (actual != *expected)
      return Fail(ErrorKind::kDamaged, "gzip header's CRC is {:04x}, expected {:04x}", actual,
                  *expected);
  }
  return bytes.size() - reader.left();
}

Failure NotOurs() {
  return Fail(ErrorKind::kUnsupported, "this gzip member was not written by orcio");
}

Result<void> CheckSizes(const MemberHeader& header) {
  const uint64_t least = uint64_t{header.header_bytes} + kEmptyDeflate.size() + gzip::kTrailerBytes;
  if (header.member_bytes < least || header.member_bytes > kMaxMemberBytes)
    return Fail(ErrorKind::kDamaged, "member claims an impossible length of {} bytes",
                header.member_bytes);
  if (header.tar_bytes > kMaxMemberTarBytes)
    return Fail(ErrorKind::kDamaged, "member claims to hold {} bytes of tar, more than any can",
                header.tar_bytes);
  if (header.is_end && (header.tar_bytes != 0 || header.member_bytes != least))
    return Fail(ErrorKind::kDamaged, "end member is not empty");
  if (!header.is_end && header.tar_bytes == 0)
    return Fail(ErrorKind::kDamaged, "member claims to hold nothing, and is no end member");
  return {};
}

void AppendHeader(const MemberHeader& header, std::vector<std::byte>& out) {
  const uint16_t payload_bytes = header.is_end ? kEndPayloadBytes : kPayloadBytes;
  constexpr std::array<uint8_t, gzip::kFixedHeaderBytes> kFixed = {
      0x1f, 0x8b, 8, gzip::kExtra, 0, 0, 0, 0, 0, kUnknownSystem};
  for (const uint8_t byte : kFixed) out.push_back(std::byte{byte});
  AppendLittleEndian(static_cast<uint16_t>(kSubfieldHeaderBytes + payload_bytes), out);
  out.push_back(std::byte{'O'});
  out.push_back(std::byte{'C'});
  AppendLittleEndian(payload_bytes, out);
  out.push_back(std::byte{kVersion});
  out.push_back(std::byte{header.is_end ? kEndMember : uint8_t{0}});
  AppendLittleEndian(uint16_t{0}, out);
  AppendLittleEndian(header.member_bytes, out);
  AppendLittleEndian(header.tar_bytes, out);
  if (header.is_end) AppendLittleEndian(header.total_tar_bytes, out);
}

constexpr size_t StoredBytes(size_t tar_bytes) {
  const size_t blocks = (tar_bytes + kStoredBlockBytes - 1) / kStoredBlockBytes;
  return tar_bytes + blocks * kStoredHeaderBytes;
}

// Stored blocks (RFC 1951, 3.2.4), each byte-aligned since its header's 3 bits are padded to 8.
void AppendStored(std::span<const std::byte> tar, std::vector<std::byte>& out) {
  while (!tar.empty()) {
    const auto block = tar.first(std::min(tar.size(), kStoredBlockBytes));
    tar = tar.subspan(block.size());
    out.push_back(std::byte{tar.empty() ? uint8_t{1} : uint8_t{0}});
    const auto bytes = static_cast<uint16_t>(block.size());
    AppendLittleEndian(bytes, out);
    AppendLittleEndian(static_cast<uint16_t>(~bytes), out);
    out.insert(out.end(), block.begin(), block.end());
  }
}

}  // namespace

Result<MemberHeader> ParseMemberHeader(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const uint8_t flags = ORCIO_TRY(ParseFixedHeader(reader));
  if (flags != gzip::kExtra) return NotOurs();
  const auto extra_bytes = reader.Get<uint16_t>();
  if (!extra_bytes) return Short();
  if (*extra_bytes < kSubfieldHeaderBytes) return NotOurs();
  const auto id = reader.Get<uint16_t>();
  if (!id) return Short();
  if (*id != ('O' | 'C' << 8)) return NotOurs();
  const auto payload_bytes = reader.Get<uint16_t>();
  const auto version = reader.Get<uint8_t>();
  const auto member_flags = reader.Get<uint8_t>();
  if (!payload_bytes || !version || !member_flags) return Short();
  if (*version != kVersion || (*member_flags & ~kEndMember) != 0)
    return Fail(ErrorKind::kUnsupported,
                "member of version {}, flags {:#x}: a newer orcio wrote it, use that", *version,
                *member_flags);

  MemberHeader header;
  header.is_end = (*member_flags & kEndMember) != 0;
  header.header_bytes = static_cast<uint32_t>(gzip::kFixedHeaderBytes + 2 + *extra_bytes);
  const bool fits = *payload_bytes == (header.is_end ? kEndPayloadBytes : kPayloadBytes) &&
                    *extra_bytes == kSubfieldHeaderBytes + *payload_bytes;
  if (!fits)
    return Fail(ErrorKind::kDamaged, "member's extra field claims {} bytes, its subfield {}",
                *extra_bytes, *payload_bytes);
  const auto reserved = reader.Get<uint16_t>();
  const auto member_bytes = reader.Get<uint32_t>();
  const auto tar_bytes = reader.Get<uint32_t>();
  const auto total = header.is_end ? reader.Get<uint64_t>() : std::optional<uint64_t>(0);
  if (!reserved || !member_bytes || !tar_bytes || !total) return Short();
  header.member_bytes = *member_bytes;
  header.tar_bytes = *tar_bytes;
  header.total_tar_bytes = *total;
  ORCIO_TRY(CheckSizes(header));
  return header;
}

struct MemberEncoder::Compressor {
  std::unique_ptr<libdeflate_compressor, FreeWith<libdeflate_free_compressor>> deflate{
      libdeflate_alloc_compressor(kLevel)};
  CompressibilityProbe probe;

  // Appends the deflate stream to `out`. False, and nothing appended, if that gains too little.
  bool Compress(std::span<const std::byte> tar, std::vector<std::byte>& out) {
    if (!probe.IsWorthCompressing(tar)) return false;
    const size_t before = out.size();
    const size_t most = StoredBytes(tar.size()) - tar.size() / kLeastGain;
    out.resize(before + most);
    const size_t got = libdeflate_deflate_compress(deflate.get(), tar.data(), tar.size(),
                                                   out.data() + before, most);
    out.resize(before + got);
    return got > 0;
  }
};

MemberEncoder::MemberEncoder() : compressor_(std::make_unique<Compressor>()) {
  if (compressor_->deflate == nullptr) throw std::bad_alloc();
}
MemberEncoder::~MemberEncoder() = default;

MemberEncoder::Encoded MemberEncoder::Encode(std::span<const std::byte> tar,
                                             std::vector<std::byte>& out) {
  assert(!tar.empty() && tar.size() <= kMaxMemberTarBytes);
  MemberHeader header;
  header.tar_bytes = static_cast<uint32_t>(tar.size());
  out.clear();
  AppendHeader(header, out);
  Encoded encoded;
  encoded.crc32 = libdeflate_crc32(0, tar.data(), tar.size());
  encoded.stored = !compressor_->Compress(tar, out);
  if (encoded.stored) AppendStored(tar, out);
  AppendLittleEndian(encoded.crc32, out);
  AppendLittleEndian(header.tar_bytes, out);
  StoreLittleEndian(static_cast<uint32_t>(out.size()), out.data() + kMemberBytesOffset);
  return encoded;
}

std::vector<std::byte> EncodeEndMember(uint64_t total_tar_bytes) {
  MemberHeader header;
  header.member_bytes =
      static_cast<uint32_t>(kEndHeaderBytes + kEmptyDeflate.size() + gzip::kTrailerBytes);
  header.is_end = true;
  header.total_tar_bytes = total_tar_bytes;
  std::vector<std::byte> out;
  AppendHeader(header, out);
  out.insert(out.end(), kEmptyDeflate.begin(), kEmptyDeflate.end());
  out.resize(out.size() + gzip::kTrailerBytes);  // CRC-32 and length of nothing
  return out;
}

struct MemberDecoder::Decompressor {
  std::unique_ptr<libdeflate_decompressor, FreeWith<libdeflate_free_decompressor>> deflate{
      libdeflate_alloc_decompressor()};
};

MemberDecoder::MemberDecoder() : decompressor_(std::make_unique<Decompressor>()) {
  if (decompressor_->deflate == nullptr) throw std::bad_alloc();
}
MemberDecoder::~MemberDecoder() = default;

Result<uint32_t> MemberDecoder::Decode(std::span<const std::byte> member, std::span<std::byte> into,
                                       std::string_view what) {
  const auto header_bytes = ParseAnyHeader(member);
  if (!header_bytes) return Fail(ErrorKind::kDamaged, "{}: {}", what, header_bytes.error().message);
  if (member.size() - *header_bytes < gzip::kTrailerBytes)
    return Fail(ErrorKind::kDamaged, "{}: gzip member is cut short", what);
  const auto stream =
      member.subspan(*header_bytes, member.size() - *header_bytes - gzip::kTrailerBytes);
  ByteReader trailer(member.last(gzip::kTrailerBytes));
  const uint32_t expected_crc = *trailer.Get<uint32_t>();
  const uint32_t expected_size = *trailer.Get<uint32_t>();
  if (expected_size != static_cast<uint32_t>(into.size()))
    return Fail(ErrorKind::kDamaged, "{}: gzip member holds {} bytes, expected {}", what,
                expected_size, into.size());

  size_t used = 0;
  const libdeflate_result result =
      libdeflate_deflate_decompress_ex(decompressor_->deflate.get(), stream.data(), stream.size(),
                                       into.data(), into.size(), &used, nullptr);
  if (result != LIBDEFLATE_SUCCESS || used != stream.size())
    return Fail(ErrorKind::kDamaged, "{}: damaged deflate stream in a gzip member of {} bytes",
                what, member.size());
  const uint32_t crc = libdeflate_crc32(0, into.data(), into.size());
  if (crc != expected_crc)
    return Fail(ErrorKind::kDamaged, "{}: gzip member's CRC is {:08x}, expected {:08x}", what, crc,
                expected_crc);
  return crc;
}

}  // namespace orcio::inline index

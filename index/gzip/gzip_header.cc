#include "index/gzip/gzip_header.h"

#include <libdeflate.h>

#include <algorithm>

#include "base/bytes.h"
#include "index/gzip/gzip_format.h"

namespace orcio::inline index {
namespace {

class HeaderReader {
 public:
  explicit HeaderReader(InputBuffer& in) : in_(in) {}
  Result<void> Read();

 private:
  Result<std::span<const std::byte>> Take(size_t count);
  Result<void> SkipText();
  void Consume(size_t count);
  Failure Short();

  InputBuffer& in_;
  uint32_t crc32_ = 0;  // of what was consumed
};

Failure HeaderReader::Short() {
  in_.Skip(in_.bytes().size());
  return Fail(ErrorKind::kDamaged, "a gzip header that is cut short");
}

void HeaderReader::Consume(size_t count) {
  crc32_ = libdeflate_crc32(crc32_, in_.bytes().data(), count);
  in_.Skip(count);
}

// The next bytes, not consumed yet.
Result<std::span<const std::byte>> HeaderReader::Take(size_t count) {
  ORCIO_TRY(in_.Fill(count));
  if (in_.bytes().size() < count) return Short();
  return in_.bytes().first(count);
}

// Passes over a text that ends in NUL: one of any length.
Result<void> HeaderReader::SkipText() {
  for (;;) {
    const auto bytes = ORCIO_TRY(Take(1));
    static_cast<void>(bytes);
    const auto there = in_.bytes();
    const auto end = std::find(there.begin(), there.end(), std::byte{0});
    if (end != there.end()) {
      Consume(static_cast<size_t>(end - there.begin()) + 1);
      return {};
    }
    Consume(there.size());
  }
}

Result<void> HeaderReader::Read() {
  const auto fixed = ORCIO_TRY(Take(gzip::kFixedHeaderBytes));
  if (fixed[0] != std::byte{0x1f} || fixed[1] != std::byte{0x8b})
    return Fail(ErrorKind::kDamaged, "no gzip member begins here");
  if (fixed[2] != std::byte{8})
    return Fail(ErrorKind::kDamaged, "a gzip member of unknown compression method {}",
                static_cast<unsigned>(fixed[2]));
  const auto flags = static_cast<uint8_t>(fixed[3]);
  if ((flags & gzip::kReserved) != 0)
    return Fail(ErrorKind::kDamaged, "a gzip member with the reserved flags {:#x}", flags);
  Consume(gzip::kFixedHeaderBytes);
  if ((flags & gzip::kExtra) != 0) {
    const auto length = LoadLittleEndian<uint16_t>(ORCIO_TRY(Take(sizeof(uint16_t))).data());
    Consume(sizeof(uint16_t));
    const auto extra = ORCIO_TRY(Take(length));
    Consume(extra.size());
  }
  if ((flags & gzip::kName) != 0) ORCIO_TRY(SkipText());
  if ((flags & gzip::kComment) != 0) ORCIO_TRY(SkipText());
  if ((flags & gzip::kHeaderCrc) != 0) {
    const auto actual = static_cast<uint16_t>(crc32_);
    const auto expected = LoadLittleEndian<uint16_t>(ORCIO_TRY(Take(sizeof(uint16_t))).data());
    if (actual != expected)
      return Fail(ErrorKind::kDamaged, "a gzip header with the CRC {:04x}, which says {:04x}",
                  actual, expected);
    Consume(sizeof(uint16_t));
  }
  return {};
}

}  // namespace

Result<void> ReadGzipHeader(InputBuffer& in) {
  return HeaderReader(in).Read();
}

}  // namespace orcio::inline index

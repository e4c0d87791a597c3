#include "index/spans/span_maker.h"

#include <libdeflate.h>

namespace orcio::inline index {

Result<bool> StoredSpans::Next(DecodedSpan& decoded) {
  if (decoded.buffer == nullptr)
    decoded.buffer =
        std::make_unique_for_overwrite<std::byte[]>(WindowUse::kWindowBytes + kTarBytes);
  const std::span into(decoded.buffer.get() + WindowUse::kWindowBytes, kTarBytes);
  size_t bytes = 0;
  while (bytes < into.size()) {
    const size_t got = ORCIO_TRY(source_.Read(into.subspan(bytes)));
    if (got == 0) break;
    bytes += got;
  }
  if (bytes == 0) return false;
  decoded.span = {.tar_offset = offset_,
                  .tar_bytes = static_cast<uint32_t>(bytes),
                  .archive_offset = offset_,
                  .archive_bytes = static_cast<uint32_t>(bytes),
                  .crc32 = libdeflate_crc32(0, into.data(), bytes)};
  decoded.start = SpanStart{.kind = SpanStart::Kind::kStored};
  decoded.packed_window.clear();
  decoded.before = SpanMakerState{offset_, {}};
  decoded.before.stream.position = {offset_ * 8, offset_ * 8};
  offset_ += bytes;
  return true;
}

}  // namespace orcio::inline index

#include "index/spans/span_decoder.h"

#include <libdeflate.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "index/gzip/gzip_stream.h"
#include "index/inflate/inflater.h"
#include "index/spans/inflater_at.h"

namespace orcio::inline index {
namespace {

constexpr size_t kSpanInputBytes = 256 * 1024;

Result<std::vector<std::byte>> Inflate(const RandomAccess& archive, const Span& span,
                                       const SpanStart& start,
                                       std::span<const std::byte> packed_window,
                                       const std::string& what) {
  const uint64_t at = span.archive_offset * 8 + start.skip_bits;
  if (start.block_bits > at || start.skip_bits > 7)
    return Fail(ErrorKind::kDamaged, "{}: it begins at an impossible bit", what);
  const Inflater inflater = ORCIO_TRY(InflaterAt(archive, {at, at - start.block_bits}, what));

  FileSource source(archive, span.archive_offset, span.archive_bytes);
  InputBuffer input(source, span.archive_offset,
                    std::min<size_t>(kSpanInputBytes, span.archive_bytes + Inflater::kEnoughInput));
  GzipStream stream(input, what, inflater, !packed_window.empty());
  const size_t bytes = WindowUse::kWindowBytes + span.tar_bytes + Inflater::kSlack;
  // Not a vector: it would write zeros first.
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
  if (!packed_window.empty()) {
    ORCIO_TRY(
        UnpackWindow(packed_window, std::span(buffer.get(), size_t{WindowUse::kWindowBytes})));
  }
  std::byte* const begin = buffer.get() + WindowUse::kWindowBytes;
  std::byte* const end = begin + span.tar_bytes;
  std::byte* out = begin;
  while (out < end) {
    const auto event = ORCIO_TRY(stream.Run(out, end, buffer.get()));
    if (event == GzipStream::Event::kEnd && out < end)
      return Fail(ErrorKind::kDamaged, "{}: it holds {} bytes of {}", what, out - begin,
                  span.tar_bytes);
  }
  return std::vector<std::byte>(begin, end);
}

Result<std::vector<std::byte>> DecodeMember(const RandomAccess& archive, const Span& span,
                                            const std::string& what) {
  if (span.archive_bytes > kMaxMemberBytes)
    return Fail(ErrorKind::kDamaged, "{}: a member of {} bytes", what, span.archive_bytes);
  // Not a vector: it would write zeros first, which costs a tenth of the decoding.
  const auto packed = std::make_unique_for_overwrite<std::byte[]>(span.archive_bytes);
  const std::span<std::byte> member(packed.get(), span.archive_bytes);
  ORCIO_TRY(ReadExactly(archive, span.archive_offset, member, what));
  std::vector<std::byte> tar(span.tar_bytes);
  // One each time: libdeflate's is 11 KiB without any set-up, next to 256 KiB decoded.
  MemberDecoder decoder;
  ORCIO_TRY(decoder.Decode(member, tar, what));
  return tar;
}

Result<std::vector<std::byte>> ReadStored(const RandomAccess& archive, const Span& span,
                                          const std::string& what) {
  std::vector<std::byte> tar(span.tar_bytes);
  ORCIO_TRY(ReadExactly(archive, span.archive_offset, tar, what));
  return tar;
}

Result<std::vector<std::byte>> Decode(const RandomAccess& archive, const Span& span,
                                      const SpanStart& start,
                                      std::span<const std::byte> packed_window,
                                      const std::string& what) {
  switch (start.kind) {
    case SpanStart::Kind::kMember:
      return DecodeMember(archive, span, what);
    case SpanStart::Kind::kDeflate:
      return Inflate(archive, span, start, packed_window, what);
    case SpanStart::Kind::kStored:
      return ReadStored(archive, span, what);
    case SpanStart::Kind::kLost:
      break;
  }
  return Fail(ErrorKind::kDamaged, "{}: the archive was damaged there when it was indexed", what);
}

}  // namespace

Result<std::vector<std::byte>> DecodeSpan(const RandomAccess& archive, const Span& span,
                                          const SpanStart& start,
                                          std::span<const std::byte> packed_window,
                                          const std::string& what) {
  if (span.tar_bytes > kMaxSpanTarBytes)
    return Fail(ErrorKind::kDamaged, "{}: {} bytes of tar in one span", what, span.tar_bytes);
  auto tar = ORCIO_TRY(Decode(archive, span, start, packed_window, what));
  const uint32_t crc32 = libdeflate_crc32(0, tar.data(), tar.size());
  if (crc32 != span.crc32) {
    return Fail(ErrorKind::kDamaged, "{}: its CRC is {:08x}, the index has {:08x}", what, crc32,
                span.crc32);
  }
  return tar;
}

}  // namespace orcio::inline index

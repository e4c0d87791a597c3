#include "base/bytes.h"
#include "index/sidecar/read/checked_map.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_format.h"

// What a Sidecar says of spans.

namespace orcio::inline index {

namespace format = sidecar_format;

uint64_t Sidecar::span_count() const {
  return map_->header().span_count;
}

Result<Span> Sidecar::SpanAt(uint64_t index) const {
  if (index >= span_count())
    return Fail(ErrorKind::kInvalid, "{} has no span {}", map_->path().string(), index);
  auto span = ORCIO_TRY(map_->Get<format::Span>(SectionId::kSpans, index));
  auto next = ORCIO_TRY(map_->Get<format::Span>(SectionId::kSpans, index + 1));
  uint64_t tar_bytes = next.tar_offset - span.tar_offset;
  auto end = CheckedAdd(span.archive_offset, span.archive_bytes);
  bool first = index == 0;
  bool last = index + 1 == span_count();
  if (next.tar_offset <= span.tar_offset || tar_bytes > UINT32_MAX ||
      next.tar_offset > map_->header().tar_bytes || span.archive_bytes == 0 || !end ||
      *end > archive_.bytes || (first && span.tar_offset != 0) ||
      (last && next.tar_offset != map_->header().tar_bytes)) {
    return map_->FailDamaged(SectionId::kSpans, index * sizeof(format::Span), "an impossible span");
  }
  return Span{.tar_offset = span.tar_offset,
              .tar_bytes = static_cast<uint32_t>(tar_bytes),
              .archive_offset = span.archive_offset,
              .archive_bytes = span.archive_bytes,
              .crc32 = span.crc32};
}

Result<uint64_t> Sidecar::SpanHolding(uint64_t tar_offset) const {
  if (tar_offset >= tar_bytes()) {
    return Fail(ErrorKind::kInvalid, "{}: tar offset {} of {}", map_->path().string(), tar_offset,
                tar_bytes());
  }
  // The last span that begins at or before the offset is between these.
  uint64_t begin = 0;
  uint64_t end = span_count();
  while (end - begin > 1) {
    uint64_t middle = begin + (end - begin) / 2;
    auto span = ORCIO_TRY(map_->Get<format::Span>(SectionId::kSpans, middle));
    (span.tar_offset <= tar_offset ? begin : end) = middle;
  }
  if (span_count() != 0) {
    Span span = ORCIO_TRY(SpanAt(begin));
    if (tar_offset >= span.tar_offset && tar_offset - span.tar_offset < span.tar_bytes)
      return begin;
  }
  return map_->FailDamaged(SectionId::kSpans, begin * sizeof(format::Span),
                           "a gap between the spans");
}

Result<SpanStart> Sidecar::StartOf(uint64_t index) const {
  if (map_->SectionBytes(SectionId::kCheckpoints) == 0) return SpanStart{};
  const auto record = ORCIO_TRY(map_->Get<format::Checkpoint>(SectionId::kCheckpoints, index));
  const Span span = ORCIO_TRY(SpanAt(index));
  const uint64_t begin = span.archive_offset * 8 + record.skip_bits;
  const auto window_end = CheckedAdd(record.window_offset, record.window_bytes);
  const bool known = record.kind <= static_cast<uint8_t>(SpanStart::Kind::kLost);
  if (!known || record.skip_bits > 7 || span.archive_offset > UINT64_MAX / 16 ||
      record.block_bits > begin || record.window_bytes > kMaxPackedWindowBytes || !window_end ||
      *window_end > map_->SectionBytes(SectionId::kWindows)) {
    return map_->FailDamaged(SectionId::kCheckpoints, index * sizeof(record),
                             "an impossible checkpoint");
  }
  return SpanStart{.kind = static_cast<SpanStart::Kind>(record.kind),
                   .skip_bits = record.skip_bits,
                   .block_bits = record.block_bits,
                   .window_offset = record.window_offset,
                   .window_bytes = record.window_bytes};
}

Result<std::vector<std::byte>> Sidecar::PackedWindow(const SpanStart& start) const {
  const auto bytes =
      ORCIO_TRY(map_->Bytes(SectionId::kWindows, start.window_offset, start.window_bytes));
  std::vector<std::byte> packed(bytes.begin(), bytes.end());
  ORCIO_TRY(map_->CheckFault());
  return packed;
}

}  // namespace orcio::inline index

#include "index/rebuild/lost_spans.h"

#include <libdeflate.h>

#include <algorithm>
#include <vector>

#include "index/spans/span_decoder.h"

namespace orcio::inline index {
namespace {

void Lose(Span& span, SpanStart& start) {
  span.crc32 = 0;
  start = SpanStart{.kind = SpanStart::Kind::kLost};
}

// Cuts span `index` in two, the first of which has `tar_bytes`.
Result<void> Split(const RandomAccess& archive, const std::string& name, size_t index,
                   uint32_t tar_bytes, IndexedArchive& indexed) {
  const Span whole = indexed.spans[index];
  const SpanStart start = indexed.starts[index];
  const auto window = ORCIO_TRY(indexed.windows.Read(start.window_offset, start.window_bytes));
  const auto tar =
      ORCIO_TRY(DecodeSpan(archive, whole, start, window, fmt::format("{}: span {}", name, index)));
  Span first = whole;
  first.tar_bytes = tar_bytes;
  first.crc32 = libdeflate_crc32(0, tar.data(), tar_bytes);
  Span second = whole;
  second.tar_offset += tar_bytes;
  second.tar_bytes -= tar_bytes;
  indexed.spans[index] = first;
  const auto at = static_cast<ptrdiff_t>(index) + 1;
  indexed.spans.insert(indexed.spans.begin() + at, second);
  indexed.starts.insert(indexed.starts.begin() + at, start);
  return {};
}

}  // namespace

Result<void> LoseSpans(const RandomAccess& archive, const std::string& name,
                       std::span<const DoubtfulStretch> doubts, IndexedArchive& indexed) {
  for (const DoubtfulStretch& doubt : doubts) {
    indexed.builder.ForgetDigests(doubt.begin, doubt.end);
    auto& spans = indexed.spans;
    const auto first = std::partition_point(spans.begin(), spans.end(), [&](const Span& span) {
      return span.tar_offset + span.tar_bytes <= doubt.begin;
    });
    auto index = static_cast<size_t>(first - spans.begin());
    if (index < spans.size() && spans[index].tar_offset < doubt.begin) {
      const auto before = static_cast<uint32_t>(doubt.begin - spans[index].tar_offset);
      ORCIO_TRY(Split(archive, name, index, before, indexed));
      ++index;
    }
    for (; index < spans.size() && spans[index].tar_offset < doubt.end; ++index)
      Lose(spans[index], indexed.starts[index]);
  }
  return {};
}

}  // namespace orcio::inline index

#include "index/sidecar/write/span_writer.h"

#include "index/sidecar/sidecar_format.h"
#include "index/spans/window_store.h"

namespace orcio::inline index {

namespace format = sidecar_format;

Result<void> CheckSpans(std::span<const Span> spans, uint64_t tar_bytes) {
  uint64_t end = 0;
  uint64_t archive_offset = 0;
  for (const Span& span : spans) {
    if (span.tar_offset != end || span.tar_bytes == 0 || span.archive_bytes == 0 ||
        span.archive_offset < archive_offset) {
      return Fail(ErrorKind::kInvalid, "spans have a gap or overlap at tar offset {}", end);
    }
    end += span.tar_bytes;
    archive_offset = span.archive_offset;
  }
  if (end == tar_bytes) return {};
  return Fail(ErrorKind::kInvalid, "spans cover {} bytes of a tar of {}", end, tar_bytes);
}

void WriteSpans(std::span<const Span> spans, SectionWriter& out) {
  out.Begin(SectionId::kSpans);
  format::Span end{};
  for (const Span& span : spans) {
    out.AppendRecord(format::Span{.tar_offset = span.tar_offset,
                                  .archive_offset = span.archive_offset,
                                  .crc32 = span.crc32,
                                  .archive_bytes = span.archive_bytes});
    end.tar_offset = span.tar_offset + span.tar_bytes;
    end.archive_offset = span.archive_offset + span.archive_bytes;
  }
  out.AppendRecord(end);
}

Result<void> WriteSpanStarts(const SpanStarts& starts, SectionWriter& out) {
  out.Begin(SectionId::kCheckpoints);
  for (const SpanStart& start : starts.starts) {
    out.AppendRecord(format::Checkpoint{.block_bits = start.block_bits,
                                        .window_offset = start.window_offset,
                                        .window_bytes = start.window_bytes,
                                        .kind = static_cast<uint8_t>(start.kind),
                                        .skip_bits = start.skip_bits});
  }
  out.Begin(SectionId::kWindows);
  return starts.windows.ReadAll([&](std::span<const std::byte> bytes) { out.Append(bytes); });
}

}  // namespace orcio::inline index

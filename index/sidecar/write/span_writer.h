#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "index/sidecar/write/section_writer.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "index/spans/span_table.h"

namespace orcio::inline index {

// The part of a sidecar that says how to decode the tar.

// kInvalid if the spans do not cover the tar without a gap: each record's length and place are
// the sidecar's promise to find every byte of it.
[[nodiscard]] Result<void> CheckSpans(std::span<const Span> spans, uint64_t tar_bytes);

void WriteSpans(std::span<const Span> spans, SectionWriter& out);
[[nodiscard]] Result<void> WriteSpanStarts(const SpanStarts& starts, SectionWriter& out);

}  // namespace orcio::inline index

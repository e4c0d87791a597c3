#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/gzip/gzip_member.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_table.h"

namespace orcio::inline index {

// No span holds more of the tar.
inline constexpr uint32_t kMaxSpanTarBytes = kMaxMemberTarBytes;

// Decodes a span, and holds it against its CRC: kDamaged rather than other bytes. `packed_window`
// is as SpanStart says; `what` names the span in messages. Takes as much memory as the span has
// bytes, and 600 KiB.
[[nodiscard]] Result<std::vector<std::byte>> DecodeSpan(const RandomAccess& archive,
                                                        const Span& span, const SpanStart& start,
                                                        std::span<const std::byte> packed_window,
                                                        const std::string& what);

}  // namespace orcio::inline index

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/files/byte_source.h"
#include "index/gzip/gzip_stream.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_table.h"

namespace orcio::inline index {

// Where a maker of spans stands between two of them, the 32 KiB of the tar before apart.
struct SpanMakerState {
  uint64_t tar_offset = 0;   // of the next span
  GzipStream::State stream;  // of what is not compressed, its position alone
};

// A span that was just decoded.
struct DecodedSpan {
  Span span;
  SpanStart start;
  std::vector<std::byte> packed_window;
  SpanMakerState before;  // where its maker stood before it

  // The tar's last bytes before it, if it is compressed.
  [[nodiscard]] std::span<const std::byte> window() const {
    return {buffer.get(), WindowUse::kWindowBytes};
  }
  [[nodiscard]] std::span<const std::byte> tar() const {
    return {buffer.get() + WindowUse::kWindowBytes, span.tar_bytes};
  }
  std::unique_ptr<std::byte[]> buffer;  // the window, the tar, and slack; kept from span to span
};

// Cuts an archive that orcio did not write into spans, front to back. Not thread-safe.
class SpanMaker {
 public:
  virtual ~SpanMaker() = default;
  // Replaces `decoded` by the next span. False, and nothing in it, at the end. If the archive is
  // damaged or cut short, what is whole of a span before that comes first, then the error.
  [[nodiscard]] virtual Result<bool> Next(DecodedSpan& decoded) = 0;
};

// Cuts a tar that is not compressed.
class StoredSpans : public SpanMaker {
 public:
  static constexpr size_t kTarBytes = 256 * 1024;  // in each span

  // `source` stands at `offset`, and outlives this.
  explicit StoredSpans(ByteSource& source, uint64_t offset = 0)
      : source_(source), offset_(offset) {}
  [[nodiscard]] Result<bool> Next(DecodedSpan& decoded) override;

 private:
  ByteSource& source_;
  uint64_t offset_;
};

}  // namespace orcio::inline index

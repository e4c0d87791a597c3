#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/gzip/gzip_stream.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_maker.h"

namespace orcio::inline index {

// How far apart checkpoints are: FORMAT.md, "Why checkpoints a MiB apart".
inline constexpr size_t kSpanTarBytes = size_t{1} << 20;

// Cuts somebody else's gzip into spans as it decodes it: at a block's beginning if one comes in
// time, else between two symbols. Not thread-safe.
class GzipSpans : public SpanMaker {
 public:
  // `stream` stands at the beginning, and outlives this. Spans have about `span_bytes` of the tar,
  // at most twice as many and 258 more.
  explicit GzipSpans(GzipStream& stream, size_t span_bytes = kSpanTarBytes)
      : stream_(stream), span_bytes_(span_bytes) {}
  // Goes on where another maker stood, with the 32 KiB of the tar before.
  GzipSpans(GzipStream& stream, uint64_t tar_offset, std::span<const std::byte> window,
            size_t span_bytes = kSpanTarBytes);

  [[nodiscard]] Result<bool> Next(DecodedSpan& decoded) override;

 private:
  // Whether the span ends here, at a block's beginning.
  [[nodiscard]] bool EndsHere(uint64_t tar_bytes) const;
  void BeginSpan(std::byte* begin);
  void Finish(DecodedSpan& decoded, std::byte* end);

  GzipStream& stream_;
  const size_t span_bytes_;
  uint64_t tar_offset_ = 0;
  size_t bad_members_ = 0;      // seen when the span began
  GzipStream::Position begun_;  // where the span began
  Result<bool> ended_ = true;   // false or the error, once Next has nothing more to give
  WindowUse use_;
  Inflater::Watch watch_;
  WindowPacker packer_;
  std::array<std::byte, WindowUse::kWindowBytes> window_{};  // the last bytes decoded
};

}  // namespace orcio::inline index

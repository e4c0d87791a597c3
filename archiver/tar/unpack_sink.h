#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_sink.h"

namespace orcio::inline archiver {

// Hands on what one compressed stream decodes to. All calls: kRemote if it is none, or has more
// after its end; the sink's errors. Not thread-safe.
class UnpackSink : public ByteSink {
 public:
  // `sink` outlives it.
  [[nodiscard]] static std::unique_ptr<UnpackSink> OfGzip(ByteSink& sink);
  // With a window of at most 8 MiB: what `zstd -1` to `zstd -19` write.
  [[nodiscard]] static std::unique_ptr<UnpackSink> OfZstd(ByteSink& sink);

  [[nodiscard]] Result<std::span<std::byte>> Buffer() override { return std::span(packed_); }
  [[nodiscard]] Result<void> Commit(size_t bytes) override;
  // The stream is over: kRemote if it has not ended.
  [[nodiscard]] Result<void> Finish() const;

 protected:
  struct Step {
    size_t read = 0;     // bytes of what is packed
    size_t written = 0;  // bytes of the room
    bool ended = false;
  };

  // `format` is its name for people.
  UnpackSink(ByteSink& sink, std::string format)
      : sink_(sink), format_(std::move(format)), packed_(kPackedBytes) {}
  // Decodes what fits.
  [[nodiscard]] virtual Result<Step> Decode(std::span<const std::byte> packed,
                                            std::span<std::byte> room) = 0;
  [[nodiscard]] Failure NoStream() const;

 private:
  // What zstd reads at once, and a little more than what a pipe holds.
  static constexpr size_t kPackedBytes = size_t{128} << 10;

  ByteSink& sink_;
  const std::string format_;
  std::vector<std::byte> packed_;
  bool ended_ = false;
};

}  // namespace orcio::inline archiver

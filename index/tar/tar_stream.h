#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "index/tar/tar_source.h"

namespace orcio::inline index {

inline constexpr size_t kTarBlockSize = 512;

// Where content of `stored_bytes` that begins a block ends with its padding; UINT64_MAX if no 64
// bits hold it.
[[nodiscard]] uint64_t PaddedToBlock(uint64_t stored_bytes);

// A tar, front to back, in blocks or in whatever pieces its source has. Counts what has gone by.
// Errors are the source's. Not thread-safe.
class TarStream {
 public:
  // `source` begins at `position`.
  explicit TarStream(TarSource& source, uint64_t position = 0)
      : source_(source), position_(position) {}

  // Tar offset of the next byte.
  [[nodiscard]] uint64_t position() const { return position_; }

  // The next block without passing it; shorter than one only where the tar ends. Valid until the
  // next call of anything here.
  [[nodiscard]] Result<std::span<const std::byte>> PeekBlock();
  // The next bytes without passing them, at most `limit`; empty only at the end. Valid as above.
  [[nodiscard]] Result<std::span<const std::byte>> Peek(uint64_t limit);
  // Passes bytes that were peeked at.
  void Pass(size_t bytes);

  // Passes `bytes`; returns how many there were: fewer only where the tar ends.
  [[nodiscard]] Result<uint64_t> Skip(uint64_t bytes);
  // Appends `bytes` to `text`; returns how many there were.
  [[nodiscard]] Result<uint64_t> Read(uint64_t bytes, std::string& text);

  // Reads to the end, or only until something is not zero; returns the offset after the last byte
  // that is not zero, or where it began if there is none.
  [[nodiscard]] Result<uint64_t> Drain(bool until_nonzero = false);

 private:
  // Makes front_ hold something, unless the tar has ended.
  [[nodiscard]] Result<void> Fill();

  TarSource& source_;
  std::span<const std::byte> front_;               // what comes next
  std::span<const std::byte> back_;                // what comes after it, in the source's memory
  std::array<std::byte, kTarBlockSize> joined_{};  // a block that straddles two pieces
  uint64_t position_;
  bool ended_ = false;
};

}  // namespace orcio::inline index

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/error.h"
#include "index/tar_scanner.h"

namespace orcio {

// What stands between a TarSource and libarchive: counts the stream, knows where its last non-zero
// byte is, and keeps an entry's header blocks at hand, since libarchive hands out only what it made
// of them. All offsets are positions in the tar. Not thread-safe.
class TarFeed {
 public:
  // An entry's headers, the map of a sparse file among them, may take this many bytes: libarchive
  // builds lists from them in memory.
  static constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;

  explicit TarFeed(TarSource& source) : source_(source) {}

  // The source's next bytes, valid until the next call; empty at the end and after an error.
  [[nodiscard]] std::span<const std::byte> Next();

  // From here on every byte from `offset` is kept, until EndHeaders. `offset` does not lie before
  // the last byte that libarchive has consumed.
  void BeginHeaders(uint64_t offset);
  // The bytes kept from `from` up to `to`; valid until the next call of anything here.
  [[nodiscard]] std::span<const std::byte> Headers(uint64_t from, uint64_t to);
  void EndHeaders() { keeping_ = false; }

  // Reads what is left of the source.
  [[nodiscard]] Result<void> Drain();

  // Why Next ended early: the source's own error, or kLimit.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // Whether the source was asked for more than it had.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] uint64_t bytes() const { return piece_offset_ + piece_.size(); }  // seen so far
  // Behind the last non-zero byte seen so far.
  [[nodiscard]] uint64_t end_of_nonzero() const { return end_of_nonzero_; }

 private:
  TarSource& source_;
  std::span<const std::byte> piece_;  // what Next() gave last
  uint64_t piece_offset_ = 0;
  uint64_t end_of_nonzero_ = 0;
  bool ended_ = false;
  std::optional<Error> error_;

  bool keeping_ = false;
  // The bytes from kept_offset_ up to piece_offset_; none where kept_offset_ lies in piece_.
  std::vector<std::byte> kept_;
  uint64_t kept_offset_ = 0;
  std::vector<std::byte> joined_;
};

}  // namespace orcio

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "index/inflate/huffman_table.h"

namespace orcio::inline index {

// Which bytes of the 32 KiB before a checkpoint the bytes after it are copied from.
class WindowUse {
 public:
  static constexpr size_t kWindowBytes = 32768;  // RFC 1951, 2

  void Reset() { used_.fill(0); }
  void Mark(size_t begin, size_t count);
  [[nodiscard]] bool any() const;
  // Copies what is used of `window`, and zeros for what is not.
  void CopyUsed(std::span<const std::byte> window, std::span<std::byte> to) const;

 private:
  std::array<uint8_t, kWindowBytes> used_{};
};

// Decodes a deflate stream (RFC 1951) that can be left and taken up again between any two symbols:
// that is what a checkpoint is. zlib can only be taken up at a block's beginning, and tells where
// that was at less than half the speed. Accepts what zlib's inflate accepts. Not thread-safe.
class Inflater {
 public:
  enum class Stop {
    kInput,    // needs more input, or, if there is none, the stream is cut short
    kOutput,   // `out` has reached `out_end`
    kBlock,    // a block has ended, and another one follows
    kEnd,      // the stream has ended; `in` is after its last byte
    kDamaged,  // this is no deflate stream: see damage()
  };

  // What Run may write after out_end.
  static constexpr size_t kSlack = 320;
  // Given so many bytes of input, or all there is, Run gets on.
  static constexpr size_t kEnoughInput = 1024;

  // Where Run reads and writes. Bytes from `history` on, up to `out`, are those decoded before;
  // those from `out` up to out_end + kSlack may be overwritten.
  struct Place {
    const std::byte* in = nullptr;
    const std::byte* in_end = nullptr;
    std::byte* out = nullptr;
    std::byte* out_end = nullptr;
    const std::byte* history = nullptr;
  };

  // While a checkpoint's window is being looked at: it ends where `begin` points.
  struct Watch {
    const std::byte* begin = nullptr;
    WindowUse* use = nullptr;
  };

  // The stream, or one of its blocks, begins after the first `skip` bits (0 to 7) of the next
  // byte.
  void Begin(unsigned skip = 0);
  // Reads the header of the block that begins here, and nothing else: kInput, kDamaged, or kOutput
  // for success.
  [[nodiscard]] Stop ReadHeader(Place& place);
  // Goes on inside the block whose header was read, after the first `skip` bits of the next byte;
  // `stored_done` bytes of it have gone by if it is a stored one.
  [[nodiscard]] bool Continue(unsigned skip, uint64_t stored_done);

  // Decodes, moving place.in and place.out on.
  [[nodiscard]] Stop Run(Place& place, const Watch* watch = nullptr);

  // How many bits of the byte before place.in are still to be read: 0 to 7.
  [[nodiscard]] unsigned unread_bits() const { return bit_count_; }
  // How many bits of the byte at place.in are passed over first: 0 to 7, and only before any Run.
  [[nodiscard]] unsigned skipped_bits() const { return skip_; }
  // Whether the next thing in the stream is a block's header.
  [[nodiscard]] bool at_header() const { return block_ == Block::kNone; }
  [[nodiscard]] bool in_stored_block() const { return block_ == Block::kStored; }
  // For people, after kDamaged.
  [[nodiscard]] const char* damage() const { return damage_; }

 private:
  enum class Block { kNone, kStored, kHuffman };
  struct Bits;  // the stream's next bits

  [[nodiscard]] Stop Damaged(const char* what);
  [[nodiscard]] Stop ReadStoredHeader(Bits& bits);
  [[nodiscard]] Stop ReadDynamicHeader(Bits& bits);
  [[nodiscard]] Stop ReadCodeLengths(Bits& bits, std::span<const HuffmanEntry> table,
                                     std::span<uint8_t> lengths);
  void UseFixedCodes();
  [[nodiscard]] Stop CopyStored(Place& place);
  template <bool kWatched>
  [[nodiscard]] Stop DecodeFast(Place& place, const Watch* watch);
  [[nodiscard]] Stop DecodeSymbol(Place& place, const Watch* watch);
  [[nodiscard]] Stop EndBlock();
  // Passes over the bits that Begin or Continue were told to. False if there is no input.
  [[nodiscard]] bool Skip(Place& place);

  static constexpr unsigned kMainBits = 11;
  static constexpr unsigned kDistanceBits = 8;

  uint64_t bit_buffer_ = 0;  // the next bits, lowest first; between calls those of unread_bits()
  unsigned bit_count_ = 0;
  unsigned skip_ = 0;
  Block block_ = Block::kNone;
  bool last_block_ = false;
  uint32_t stored_left_ = 0;
  const char* damage_ = "";
  std::array<HuffmanEntry, 2342> main_{};  // literals and lengths
  std::array<HuffmanEntry, 402> distances_{};
};

}  // namespace orcio::inline index

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace orcio::inline index {

// What decoding one symbol of a Huffman code (RFC 1951, 3.2) comes to, in 32 bits:
//
//   bits 0-7    bits to consume: the code's and the extra bits after it
//   bits 8-12   of these, the code's
//   bit 13      end of block
//   bit 14      the code goes on in a second table: bits 16-30 say where it begins, 8-12 how many
//               bits choose in it
//   bit 15      anything but a plain value: 13, 14, or no symbol has this code
//   bits 16-30  the literal, or what the extra bits are added to
//   bit 31      a literal
struct HuffmanEntry {
  static constexpr uint32_t kEndOfBlock = 1U << 13;
  static constexpr uint32_t kMore = 1U << 14;
  static constexpr uint32_t kSpecial = 1U << 15;
  static constexpr uint32_t kLiteral = 1U << 31;

  uint32_t bits = kSpecial;

  [[nodiscard]] bool is_literal() const { return (bits & kLiteral) != 0; }
  [[nodiscard]] bool is_special() const { return (bits & kSpecial) != 0; }
  [[nodiscard]] bool is_end() const { return (bits & kEndOfBlock) != 0; }
  [[nodiscard]] bool goes_on() const { return (bits & kMore) != 0; }
  [[nodiscard]] unsigned consumed() const { return bits & 0xFF; }
  [[nodiscard]] unsigned code_bits() const { return bits >> 8 & 0x1F; }
  [[nodiscard]] uint32_t value() const { return bits >> 16 & 0x7FFF; }
};

inline constexpr unsigned kMaxCodeBits = 15;

// Fills `table` for the code that `lengths` (each at most 15, 0: not used) make: 2^main_bits
// entries that the next bits of the stream choose from, then the second tables. symbols[i] is the
// entry of symbol i without its code's bits. False if that is no code, by the rules of zlib: too
// many codes, or too few, but for a code of a single symbol of one bit, or of none, if
// `may_be_single`. The table is large enough for any code of so many symbols: 2342 entries for 11
// bits and 288 symbols, 402 for 8 bits and 32.
[[nodiscard]] bool FillHuffmanTable(std::span<const uint8_t> lengths,
                                    std::span<const HuffmanEntry> symbols, unsigned main_bits,
                                    bool may_be_single, std::span<HuffmanEntry> table);

}  // namespace orcio::inline index

#pragma once

#include <array>
#include <cstdint>

#include "index/inflate/huffman_table.h"

namespace orcio::inline index {

// The alphabets of RFC 1951, 3.2.5 to 3.2.7, as a Huffman table's entries without their codes.

// Bits 0-7 count the extra bits; the code's own are added when a table is made.
constexpr HuffmanEntry SymbolOf(uint32_t base, uint32_t extra_bits) {
  return {base << 16 | extra_bits};
}

constexpr std::array<HuffmanEntry, 288> MakeMainSymbols() {
  std::array<HuffmanEntry, 288> symbols{};
  for (uint32_t literal = 0; literal < 256; ++literal)
    symbols[literal] = {HuffmanEntry::kLiteral | literal << 16};
  symbols[256] = {HuffmanEntry::kSpecial | HuffmanEntry::kEndOfBlock};
  uint32_t base = 3;
  for (uint32_t symbol = 257; symbol < 285; ++symbol) {
    const uint32_t extra = symbol < 265 ? 0 : (symbol - 261) / 4;
    symbols[symbol] = SymbolOf(base, extra);
    base += 1U << extra;
  }
  symbols[285] = SymbolOf(258, 0);
  return symbols;  // 286 and 287 never occur: special
}

constexpr std::array<HuffmanEntry, 32> MakeDistanceSymbols() {
  std::array<HuffmanEntry, 32> symbols{};
  uint32_t base = 1;
  for (uint32_t symbol = 0; symbol < 30; ++symbol) {
    const uint32_t extra = symbol < 4 ? 0 : symbol / 2 - 1;
    symbols[symbol] = SymbolOf(base, extra);
    base += 1U << extra;
  }
  return symbols;  // 30 and 31 never occur: special
}

// Code lengths 0 to 15 are themselves; 16, 17 and 18 repeat, and their values say how often.
inline constexpr uint32_t kRepeatPrevious = 32;
inline constexpr uint32_t kRepeatZero = 64;
constexpr std::array<HuffmanEntry, 19> MakeLengthSymbols() {
  std::array<HuffmanEntry, 19> symbols{};
  for (uint32_t length = 0; length < 16; ++length) symbols[length] = SymbolOf(length, 0);
  symbols[16] = SymbolOf(kRepeatPrevious + 3, 2);
  symbols[17] = SymbolOf(kRepeatZero + 3, 3);
  symbols[18] = SymbolOf(kRepeatZero + 11, 7);
  return symbols;
}

struct RepeatedLength {
  bool previous = false;  // the length before; else 0
  uint32_t count = 0;
};
constexpr RepeatedLength RepeatOf(uint32_t value) {
  if (value < kRepeatZero) return {true, value - kRepeatPrevious};
  return {false, value - kRepeatZero};
}

inline constexpr auto kMainSymbols = MakeMainSymbols();
inline constexpr auto kDistanceSymbols = MakeDistanceSymbols();
inline constexpr auto kLengthSymbols = MakeLengthSymbols();

// In which order a block's header has the lengths of its length codes.
inline constexpr std::array<uint8_t, 19> kCodeLengthOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                             11, 4,  12, 3, 13, 2, 14, 1, 15};

struct FixedCodeLengths {
  std::array<uint8_t, 288> main{};
  std::array<uint8_t, 32> distances{};

  constexpr FixedCodeLengths() {
    for (size_t i = 0; i < main.size(); ++i)
      main[i] = static_cast<uint8_t>(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
    distances.fill(5);
  }
};

}  // namespace orcio::inline index

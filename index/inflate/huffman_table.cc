#include "index/inflate/huffman_table.h"

#include <algorithm>

namespace orcio::inline index {
namespace {

using Counts = std::array<uint16_t, kMaxCodeBits + 1>;

// Codes come in the stream with their first bit first, but tables want it lowest.
uint32_t Reversed(uint32_t code, unsigned bits) {
  uint32_t reversed = 0;
  for (unsigned i = 0; i < bits; ++i) reversed |= (code >> i & 1) << (bits - 1 - i);
  return reversed;
}

bool IsCode(const Counts& counts, unsigned longest, bool may_be_single) {
  int left = 1;  // codes of this length that are still free
  for (unsigned bits = 1; bits <= kMaxCodeBits; ++bits) {
    left = left * 2 - counts[bits];
    if (left < 0) return false;
  }
  return left == 0 || (longest <= 1 && may_be_single);
}

// How many bits the second table for codes of `bits` and more needs.
unsigned SecondTableBits(const Counts& left, unsigned bits, unsigned main_bits, unsigned longest) {
  unsigned wide = bits - main_bits;
  int room = 1 << wide;
  for (; main_bits + wide < longest; ++wide) {
    room -= left[main_bits + wide];
    if (room <= 0) break;
    room *= 2;
  }
  return wide;
}

}  // namespace

bool FillHuffmanTable(std::span<const uint8_t> lengths, std::span<const HuffmanEntry> symbols,
                      unsigned main_bits, bool may_be_single, std::span<HuffmanEntry> table) {
  Counts counts{};
  for (const uint8_t bits : lengths) ++counts[bits];
  counts[0] = 0;
  unsigned longest = kMaxCodeBits;
  while (longest > 0 && counts[longest] == 0) --longest;
  if (!IsCode(counts, longest, may_be_single)) return false;

  // Symbols by length, then by number: the order of their codes.
  std::array<uint16_t, kMaxCodeBits + 2> first{};
  for (unsigned bits = 1; bits <= kMaxCodeBits; ++bits)
    first[bits + 1] = static_cast<uint16_t>(first[bits] + counts[bits]);
  std::array<uint16_t, 320> sorted{};
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    if (lengths[symbol] != 0) sorted[first[lengths[symbol]]++] = static_cast<uint16_t>(symbol);
  }

  const size_t main_size = size_t{1} << main_bits;
  std::fill_n(table.begin(), main_size, HuffmanEntry{});
  size_t end = main_size;             // of what is filled
  uint32_t open_prefix = UINT32_MAX;  // whose second table is being filled
  size_t second = 0;
  unsigned second_bits = 0;
  Counts left = counts;
  uint32_t code = 0;
  size_t next = 0;
  for (unsigned bits = 1; bits <= longest; ++bits, code <<= 1) {
    for (unsigned i = 0; i < counts[bits]; ++i, ++code) {
      const uint32_t reversed = Reversed(code, bits);
      const HuffmanEntry symbol = symbols[sorted[next++]];
      if (bits <= main_bits) {
        const HuffmanEntry entry{symbol.bits + bits + (bits << 8)};
        for (size_t at = reversed; at < main_size; at += size_t{1} << bits) table[at] = entry;
      } else {
        const uint32_t prefix = reversed & static_cast<uint32_t>(main_size - 1);
        if (prefix != open_prefix) {
          open_prefix = prefix;
          second = end;
          second_bits = SecondTableBits(left, bits, main_bits, longest);
          end += size_t{1} << second_bits;
          std::fill(table.begin() + static_cast<ptrdiff_t>(second),
                    table.begin() + static_cast<ptrdiff_t>(end), HuffmanEntry{});
          table[prefix].bits = HuffmanEntry::kSpecial | HuffmanEntry::kMore | main_bits |
                               second_bits << 8 | static_cast<uint32_t>(second) << 16;
        }
        const unsigned rest = bits - main_bits;
        const HuffmanEntry entry{symbol.bits + rest + (rest << 8)};
        for (size_t at = reversed >> main_bits; at < size_t{1} << second_bits;
             at += size_t{1} << rest)
          table[second + at] = entry;
      }
      --left[bits];
    }
  }
  return true;
}

}  // namespace orcio::inline index

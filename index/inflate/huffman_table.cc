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

using SortedSymbols = std::array<uint16_t, 320>;

// Symbols by length, then by number: the order of their codes.
inline SortedSymbols InOrderOfCodes(std::span<const uint8_t> lengths, const Counts& counts) {
  std::array<uint16_t, kMaxCodeBits + 2> first{};
  for (unsigned bits = 1; bits <= kMaxCodeBits; ++bits)
    first[bits + 1] = static_cast<uint16_t>(first[bits] + counts[bits]);
  SortedSymbols sorted{};
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    if (lengths[symbol] != 0) sorted[first[lengths[symbol]]++] = static_cast<uint16_t>(symbol);
  }
  return sorted;
}

// In every place of `table` that `bits` of a code choose, whatever bits come after them.
inline void PutSymbol(HuffmanEntry symbol, uint32_t reversed, unsigned bits,
                      std::span<HuffmanEntry> table) {
  const HuffmanEntry entry{symbol.bits + bits + (bits << 8)};
  for (size_t at = reversed; at < table.size(); at += size_t{1} << bits) table[at] = entry;
}

// The second tables, one after the other after the main one. Codes of one prefix come one after the
// other, so that only the last table is being filled.
class SecondTables {
 public:
  SecondTables(std::span<HuffmanEntry> all, unsigned main_bits, unsigned longest)
      : all_(all), main_bits_(main_bits), longest_(longest), end_(size_t{1} << main_bits) {}

  // The one for codes that begin with `prefix`. `left` counts the codes that are not yet in, the
  // next of `bits`.
  std::span<HuffmanEntry> For(uint32_t prefix, unsigned bits, const Counts& left) {
    if (prefix != prefix_) Begin(prefix, SecondTableBits(left, bits, main_bits_, longest_));
    return last_;
  }

 private:
  void Begin(uint32_t prefix, unsigned bits) {
    prefix_ = prefix;
    last_ = all_.subspan(end_, size_t{1} << bits);
    std::fill(last_.begin(), last_.end(), HuffmanEntry{});
    all_[prefix].bits = HuffmanEntry::kSpecial | HuffmanEntry::kMore | main_bits_ | bits << 8 |
                        static_cast<uint32_t>(end_) << 16;
    end_ += last_.size();
  }

  std::span<HuffmanEntry> all_;
  unsigned main_bits_;
  unsigned longest_;
  size_t end_;                    // of what is filled
  uint32_t prefix_ = UINT32_MAX;  // of the last table
  std::span<HuffmanEntry> last_;
};

}  // namespace

bool FillHuffmanTable(std::span<const uint8_t> lengths, std::span<const HuffmanEntry> symbols,
                      unsigned main_bits, bool may_be_single, std::span<HuffmanEntry> table) {
  Counts counts{};
  for (const uint8_t bits : lengths) ++counts[bits];
  counts[0] = 0;
  unsigned longest = kMaxCodeBits;
  while (longest > 0 && counts[longest] == 0) --longest;
  if (!IsCode(counts, longest, may_be_single)) return false;

  const SortedSymbols sorted = InOrderOfCodes(lengths, counts);
  const std::span<HuffmanEntry> main_table = table.first(size_t{1} << main_bits);
  std::fill(main_table.begin(), main_table.end(), HuffmanEntry{});
  SecondTables second_tables(table, main_bits, longest);
  Counts left = counts;
  uint32_t code = 0;
  size_t next = 0;
  for (unsigned bits = 1; bits <= longest; ++bits, code <<= 1) {
    for (unsigned i = 0; i < counts[bits]; ++i, ++code) {
      const uint32_t reversed = Reversed(code, bits);
      const HuffmanEntry symbol = symbols[sorted[next++]];
      if (bits <= main_bits) {
        PutSymbol(symbol, reversed, bits, main_table);
      } else {
        const uint32_t prefix = reversed & static_cast<uint32_t>(main_table.size() - 1);
        PutSymbol(symbol, reversed >> main_bits, bits - main_bits,
                  second_tables.For(prefix, bits, left));
      }
      --left[bits];
    }
  }
  return true;
}

}  // namespace orcio::inline index

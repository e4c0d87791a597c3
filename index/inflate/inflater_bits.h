#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "index/inflate/huffman_table.h"
#include "index/inflate/inflater.h"

namespace orcio::inline index {

// What the Inflater's two sources share, and nobody else needs.

// A copy of the reading position: what is read from it counts once Commit is called, so that an
// element of the stream is read whole or not at all.
struct Inflater::Bits {
  Bits(const Inflater& of, const Place& place)
      : buffer(of.bit_buffer_), count(of.bit_count_), in(place.in), in_end(place.in_end) {}

  void Refill() {
    while (count <= 56 && in != in_end) {
      buffer |= static_cast<uint64_t>(*in++) << count;
      count += 8;
    }
  }
  // Whether there are `bits` more, at most 57.
  [[nodiscard]] bool Have(unsigned bits) {
    if (count < bits) Refill();
    return count >= bits;
  }
  uint32_t Take(unsigned bits) {
    const auto value = static_cast<uint32_t>(buffer & ((uint64_t{1} << bits) - 1));
    Drop(bits);
    return value;
  }
  void Drop(unsigned bits) {
    buffer >>= bits;
    count -= bits;
  }
  // Whole bytes that are left go back.
  void Commit(Inflater& to, Place& place) const {
    place.in = in - count / 8;
    to.bit_count_ = count % 8;
    to.bit_buffer_ = buffer & ((uint64_t{1} << to.bit_count_) - 1);
  }

  uint64_t buffer;
  unsigned count;
  const std::byte* in;
  const std::byte* in_end;
};

// The entry that the next bits stand for; `used` is what choosing the second table took.
inline HuffmanEntry Lookup(std::span<const HuffmanEntry> table, unsigned main_bits, uint64_t bits,
                           unsigned& used) {
  HuffmanEntry entry = table[bits & ((1U << main_bits) - 1)];
  used = 0;
  if (entry.goes_on()) {
    used = main_bits;
    entry = table[entry.value() + (bits >> main_bits & ((1U << entry.code_bits()) - 1))];
  }
  return entry;
}

// The value with its extra bits, of an entry whose code begins at the lowest bit.
inline uint32_t ValueWithExtra(HuffmanEntry entry, uint64_t bits) {
  return entry.value() + static_cast<uint32_t>((bits & ((uint64_t{1} << entry.consumed()) - 1)) >>
                                               entry.code_bits());
}

}  // namespace orcio::inline index

#include <algorithm>
#include <cstring>

#include "index/inflate/inflater.h"
#include "index/inflate/inflater_bits.h"

// The part of Inflater where its time goes.

namespace orcio::inline index {
namespace {

// Copies a match; may write up to 15 bytes more.
inline void CopyMatch(std::byte* out, size_t distance, size_t length) {
  const std::byte* from = out - distance;
  std::byte* const end = out + length;
  if (distance >= 16) {
    do {
      std::memcpy(out, from, 16);
      out += 16;
      from += 16;
    } while (out < end);
  } else if (distance == 1) {
    std::memset(out, static_cast<int>(*from), length);
  } else if (distance >= 8) {
    do {
      std::memcpy(out, from, 8);
      out += 8;
      from += 8;
    } while (out < end);
  } else {
    while (out < end) *out++ = *from++;
  }
}

inline void MarkUse(const Inflater::Watch& watch, const std::byte* out, size_t distance,
                    size_t length) {
  const auto since = static_cast<size_t>(out - watch.begin);
  if (distance <= since) return;
  watch.use->Mark(WindowUse::kWindowBytes - (distance - since), std::min(length, distance - since));
}

// Bytes of input that a turn of the fast loop may look at.
constexpr ptrdiff_t kTurnInput = 24;

inline uint64_t Load64(const std::byte* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof(value));  // little-endian, as is every machine orcio runs on
  return value;
}

// The next bits of the input, many at once: 56 or more after a refill.
struct FastBits {
  const std::byte* in;
  uint64_t buffer;
  unsigned count;

  void Refill() {
    buffer |= Load64(in) << count;
    in += (63 - count) >> 3;
    count |= 56;
  }
  void Drop(unsigned bits) {
    buffer >>= bits;
    count -= bits;
  }
};

inline HuffmanEntry Next(const HuffmanEntry* table, unsigned main_bits, const FastBits& bits) {
  return table[bits.buffer & ((uint64_t{1} << main_bits) - 1)];
}

inline void Put(HuffmanEntry literal, FastBits& bits, std::byte*& out) {
  bits.Drop(literal.consumed());
  *out++ = static_cast<std::byte>(literal.value());
}

// The literal `entry` and up to two after it. Whether it was three; else `entry` is what follows.
inline bool PutLiterals(const HuffmanEntry* table, unsigned main_bits, FastBits& bits,
                        std::byte*& out, HuffmanEntry& entry) {
  for (int more = 2; more > 0; --more) {
    Put(entry, bits, out);
    entry = Next(table, main_bits, bits);
    if (!entry.is_literal()) return false;
  }
  Put(entry, bits, out);
  return true;
}

// What `entry` goes on to in a second table, whose code then begins at the lowest bit.
inline HuffmanEntry SecondEntry(const HuffmanEntry* table, unsigned main_bits, HuffmanEntry entry,
                                FastBits& bits) {
  if (!entry.goes_on()) return entry;
  const uint64_t chosen = bits.buffer >> main_bits & ((1U << entry.code_bits()) - 1);
  const HuffmanEntry second = table[entry.value() + chosen];
  if (!second.is_special()) bits.Drop(main_bits);
  return second;
}

struct Match {
  uint32_t length;
  size_t distance;  // 0: its code is that of none
  unsigned bits;    // of the input
};

// The match whose length is `entry`, which is the next one.
inline Match NextMatch(HuffmanEntry entry, const HuffmanEntry* distances, unsigned distance_bits,
                       const FastBits& bits) {
  uint64_t ahead = bits.buffer >> entry.consumed();
  HuffmanEntry far = distances[ahead & ((1U << distance_bits) - 1)];
  unsigned taken = entry.consumed();
  if (far.goes_on()) {
    ahead >>= distance_bits;
    taken += distance_bits;
    far = distances[far.value() + (ahead & ((1U << far.code_bits()) - 1))];
  }
  return {ValueWithExtra(entry, bits.buffer), far.is_special() ? 0 : ValueWithExtra(far, ahead),
          taken + far.consumed()};
}

}  // namespace

// One symbol, read with care: near the ends of input.
Inflater::Stop Inflater::DecodeSymbol(Place& place, const Watch* watch) {
  constexpr unsigned kLongest = kMaxCodeBits;
  Bits bits(*this, place);
  bits.Refill();
  unsigned used = 0;
  const HuffmanEntry entry = Lookup(main_, kMainBits, bits.buffer, used);
  if (used + entry.consumed() > bits.count) return Stop::kInput;
  if (entry.is_special() && !entry.is_end())
    return bits.count < kLongest ? Stop::kInput : Damaged("an unknown literal or length");
  bits.Drop(used);
  const uint32_t value = ValueWithExtra(entry, bits.buffer);
  bits.Drop(entry.consumed());
  if (entry.is_literal() || entry.is_end()) {
    bits.Commit(*this, place);
    if (entry.is_end()) return EndBlock();
    *place.out++ = static_cast<std::byte>(value);
    return Stop::kOutput;
  }
  const HuffmanEntry far = Lookup(distances_, kDistanceBits, bits.buffer, used);
  if (used + far.consumed() > bits.count) return Stop::kInput;
  if (far.is_special())
    return bits.count < kLongest ? Stop::kInput : Damaged("an unknown distance");
  bits.Drop(used);
  const size_t distance = ValueWithExtra(far, bits.buffer);
  bits.Drop(far.consumed());
  if (distance > static_cast<size_t>(place.out - place.history))
    return Damaged("a distance beyond the first byte");
  bits.Commit(*this, place);
  if (watch != nullptr) MarkUse(*watch, place.out, distance, value);
  CopyMatch(place.out, distance, value);
  place.out += value;
  return Stop::kOutput;
}

// Many symbols. Each turn begins with 56 bits or more; a literal takes at most 15, a match 20
// and 28. Ends before what DecodeSymbol is to look at: a block's end, damage.
template <bool kWatched>
Inflater::Stop Inflater::DecodeFast(Place& place, const Watch* watch) {
  if (place.in_end - place.in < kTurnInput) return Stop::kInput;
  const std::byte* const in_limit = place.in_end - kTurnInput;
  FastBits bits{place.in, bit_buffer_, bit_count_};
  std::byte* out = place.out;
  bool ended = false;
  while (out < place.out_end) {
    ended = bits.in > in_limit;
    if (ended) break;
    bits.Refill();
    HuffmanEntry entry = Next(main_.data(), kMainBits, bits);
    if (entry.is_literal()) {
      if (PutLiterals(main_.data(), kMainBits, bits, out, entry)) continue;
      bits.Refill();
    }
    if (entry.is_special()) {
      entry = SecondEntry(main_.data(), kMainBits, entry, bits);
      ended = entry.is_special();
      if (ended) break;
      if (entry.is_literal()) {
        Put(entry, bits, out);
        continue;
      }
    }
    const Match match = NextMatch(entry, distances_.data(), kDistanceBits, bits);
    ended = match.distance == 0 || match.distance > static_cast<size_t>(out - place.history);
    if (ended) break;
    bits.Drop(match.bits);
    if constexpr (kWatched) MarkUse(*watch, out, match.distance, match.length);
    CopyMatch(out, match.distance, match.length);
    out += match.length;
  }
  place.in = bits.in - bits.count / 8;
  place.out = out;
  bit_count_ = bits.count % 8;
  bit_buffer_ = bits.buffer & ((uint64_t{1} << bit_count_) - 1);
  return ended ? Stop::kInput : Stop::kOutput;
}

template Inflater::Stop Inflater::DecodeFast<false>(Place&, const Watch*);
template Inflater::Stop Inflater::DecodeFast<true>(Place&, const Watch*);

}  // namespace orcio::inline index

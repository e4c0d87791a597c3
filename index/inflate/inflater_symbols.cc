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
// and 28.
template <bool kWatched>
Inflater::Stop Inflater::DecodeFast(Place& place, const Watch* watch) {
  constexpr uint64_t kMainMask = (1U << kMainBits) - 1;
  if (place.in_end - place.in < kTurnInput) return Stop::kInput;
  const std::byte* const in_limit = place.in_end - kTurnInput;
  const std::byte* in = place.in;
  std::byte* out = place.out;
  uint64_t buffer = bit_buffer_;
  unsigned count = bit_count_;
  Stop stop = Stop::kOutput;
  const auto refill = [&] {
    buffer |= Load64(in) << count;
    in += (63 - count) >> 3;
    count |= 56;
  };
  const auto drop = [&](unsigned bits) {
    buffer >>= bits;
    count -= bits;
  };
  while (out < place.out_end) {
    if (in > in_limit) {
      stop = Stop::kInput;
      break;
    }
    refill();
    HuffmanEntry entry = main_[buffer & kMainMask];
    if (entry.is_literal()) {
      drop(entry.consumed());
      *out++ = static_cast<std::byte>(entry.value());
      entry = main_[buffer & kMainMask];
      if (entry.is_literal()) {
        drop(entry.consumed());
        *out++ = static_cast<std::byte>(entry.value());
        entry = main_[buffer & kMainMask];
        if (entry.is_literal()) {
          drop(entry.consumed());
          *out++ = static_cast<std::byte>(entry.value());
          continue;
        }
      }
      refill();
    }
    if (entry.is_special()) {
      if (entry.goes_on()) {
        const unsigned chosen_by = entry.code_bits();
        const uint32_t second = entry.value();
        entry = main_[second + (buffer >> kMainBits & ((1U << chosen_by) - 1))];
        if (!entry.is_special()) drop(kMainBits);
      }
      if (entry.is_literal()) {
        drop(entry.consumed());
        *out++ = static_cast<std::byte>(entry.value());
        continue;
      }
      if (entry.is_special()) {
        stop = Stop::kInput;  // the block's end or damage: DecodeSymbol says which
        break;
      }
    }
    const uint32_t length = ValueWithExtra(entry, buffer);
    uint64_t ahead = buffer >> entry.consumed();
    HuffmanEntry far = distances_[ahead & ((1U << kDistanceBits) - 1)];
    unsigned taken = entry.consumed();
    if (far.goes_on()) {
      ahead >>= kDistanceBits;
      taken += kDistanceBits;
      far = distances_[far.value() + (ahead & ((1U << far.code_bits()) - 1))];
    }
    const size_t distance = ValueWithExtra(far, ahead);
    if (far.is_special() || distance > static_cast<size_t>(out - place.history)) {
      stop = Stop::kInput;
      break;
    }
    drop(taken + far.consumed());
    if constexpr (kWatched) MarkUse(*watch, out, distance, length);
    CopyMatch(out, distance, length);
    out += length;
  }
  in -= count / 8;
  bit_count_ = count % 8;
  bit_buffer_ = buffer & ((uint64_t{1} << bit_count_) - 1);
  place.in = in;
  place.out = out;
  return stop;
}

template Inflater::Stop Inflater::DecodeFast<false>(Place&, const Watch*);
template Inflater::Stop Inflater::DecodeFast<true>(Place&, const Watch*);

}  // namespace orcio::inline index

#include "index/inflate/inflater.h"

#include <algorithm>
#include <cstring>

#include "index/inflate/deflate_codes.h"
#include "index/inflate/inflater_bits.h"

namespace orcio::inline index {

void WindowUse::Mark(size_t begin, size_t count) {
  std::memset(used_.data() + begin, 1, std::min(count, used_.size() - begin));
}

bool WindowUse::any() const {
  return std::memchr(used_.data(), 1, used_.size()) != nullptr;
}

void WindowUse::CopyUsed(std::span<const std::byte> window, std::span<std::byte> to) const {
  for (size_t i = 0; i < used_.size(); ++i) to[i] = used_[i] != 0 ? window[i] : std::byte{0};
}

void Inflater::Begin(unsigned skip) {
  block_ = Block::kNone;
  last_block_ = false;
  bit_count_ = 0;
  bit_buffer_ = 0;
  skip_ = skip;
}

Inflater::Stop Inflater::Damaged(const char* what) {
  damage_ = what;
  return Stop::kDamaged;
}

Inflater::Stop Inflater::EndBlock() {
  block_ = Block::kNone;
  return last_block_ ? Stop::kEnd : Stop::kBlock;
}

bool Inflater::Continue(unsigned skip, uint64_t stored_done) {
  bit_count_ = 0;
  bit_buffer_ = 0;
  skip_ = skip;
  if (block_ != Block::kStored) return stored_done == 0;
  if (skip != 0 || stored_done > stored_left_) return false;
  stored_left_ -= static_cast<uint32_t>(stored_done);
  return true;
}

bool Inflater::Skip(Place& place) {
  if (skip_ == 0) return true;
  if (place.in == place.in_end) return false;
  bit_buffer_ = static_cast<uint64_t>(*place.in++) >> skip_;
  bit_count_ = 8 - skip_;
  skip_ = 0;
  return true;
}

Inflater::Stop Inflater::ReadHeader(Place& place) {
  if (!Skip(place)) return Stop::kInput;
  Bits bits(*this, place);
  if (!bits.Have(3)) return Stop::kInput;
  const bool last = bits.Take(1) != 0;
  Stop stop = Stop::kOutput;
  Block block = Block::kHuffman;
  switch (bits.Take(2)) {
    case 0:
      block = Block::kStored;
      stop = ReadStoredHeader(bits);
      break;
    case 1:
      UseFixedCodes();
      break;
    case 2:
      stop = ReadDynamicHeader(bits);
      break;
    default:
      return Damaged("a block of an unknown type");
  }
  if (stop != Stop::kOutput) return stop;
  last_block_ = last;
  block_ = block;
  bits.Commit(*this, place);
  return stop;
}

// RFC 1951, 3.2.4.
Inflater::Stop Inflater::ReadStoredHeader(Bits& bits) {
  bits.Drop(bits.count % 8);
  if (!bits.Have(32)) return Stop::kInput;
  const uint32_t length = bits.Take(16);
  if ((bits.Take(16) ^ 0xFFFF) != length) return Damaged("a stored block of contradictory length");
  stored_left_ = length;
  return Stop::kOutput;
}

void Inflater::UseFixedCodes() {
  const FixedCodeLengths lengths;
  static_cast<void>(FillHuffmanTable(lengths.main, kMainSymbols, kMainBits, false, main_));
  static_cast<void>(
      FillHuffmanTable(lengths.distances, kDistanceSymbols, kDistanceBits, false, distances_));
}

// RFC 1951, 3.2.7.
Inflater::Stop Inflater::ReadDynamicHeader(Bits& bits) {
  if (!bits.Have(14)) return Stop::kInput;
  const unsigned main_count = bits.Take(5) + 257;
  const unsigned distance_count = bits.Take(5) + 1;
  const unsigned length_count = bits.Take(4) + 4;
  if (main_count > 286 || distance_count > 30) return Damaged("a block with too many codes");
  std::array<uint8_t, 19> code_lengths{};
  for (unsigned i = 0; i < length_count; ++i) {
    if (!bits.Have(3)) return Stop::kInput;
    code_lengths[kCodeLengthOrder[i]] = static_cast<uint8_t>(bits.Take(3));
  }
  std::array<HuffmanEntry, 128> table;
  if (!FillHuffmanTable(code_lengths, kLengthSymbols, 7, false, table))
    return Damaged("a block with an impossible code of code lengths");
  std::array<uint8_t, 286 + 30> lengths{};
  const Stop stop =
      ReadCodeLengths(bits, table, std::span(lengths).first(main_count + distance_count));
  if (stop != Stop::kOutput) return stop;
  const auto all = std::span<const uint8_t>(lengths);
  if (all[256] == 0) return Damaged("a block that cannot end");
  if (!FillHuffmanTable(all.first(main_count), kMainSymbols, kMainBits, true, main_))
    return Damaged("a block with an impossible code of literals");
  if (!FillHuffmanTable(all.subspan(main_count, distance_count), kDistanceSymbols, kDistanceBits,
                        true, distances_))
    return Damaged("a block with an impossible code of distances");
  return Stop::kOutput;
}

Inflater::Stop Inflater::ReadCodeLengths(Bits& bits, std::span<const HuffmanEntry> table,
                                         std::span<uint8_t> lengths) {
  for (size_t at = 0; at < lengths.size();) {
    // A code of 7 bits and 7 extra ones, or all there is.
    const bool enough = bits.Have(14);
    const HuffmanEntry entry = table[bits.buffer & 0x7F];
    if (entry.is_special())
      return enough ? Damaged("a block with an unknown code length") : Stop::kInput;
    if (entry.consumed() > bits.count) return Stop::kInput;
    const uint32_t value = ValueWithExtra(entry, bits.buffer);
    bits.Drop(entry.consumed());
    if (value < 16) {
      lengths[at++] = static_cast<uint8_t>(value);
      continue;
    }
    // How often, and what: kLengthSymbols keeps the three kinds apart.
    const RepeatedLength repeat = RepeatOf(value);
    if (repeat.previous && at == 0)
      return Damaged("a block that repeats a length before the first");
    if (repeat.count > lengths.size() - at) return Damaged("a block with too many code lengths");
    const uint8_t what = repeat.previous ? lengths[at - 1] : uint8_t{0};
    std::fill_n(lengths.begin() + static_cast<ptrdiff_t>(at), repeat.count, what);
    at += repeat.count;
  }
  return Stop::kOutput;
}

Inflater::Stop Inflater::CopyStored(Place& place) {
  const auto room = static_cast<size_t>(place.out_end - place.out);
  const auto there = static_cast<size_t>(place.in_end - place.in);
  const size_t count = std::min({room, there, size_t{stored_left_}});
  if (count > 0) std::memcpy(place.out, place.in, count);
  place.in += count;
  place.out += count;
  stored_left_ -= static_cast<uint32_t>(count);
  if (stored_left_ == 0) return EndBlock();
  return count == room ? Stop::kOutput : Stop::kInput;
}

Inflater::Stop Inflater::Run(Place& place, const Watch* watch) {
  if (!Skip(place)) return Stop::kInput;
  if (block_ == Block::kNone) {
    const Stop stop = ReadHeader(place);
    if (stop != Stop::kOutput) return stop;
  }
  if (block_ == Block::kStored) return CopyStored(place);
  for (;;) {
    if (place.out >= place.out_end) return Stop::kOutput;
    Stop stop = watch == nullptr ? DecodeFast<false>(place, watch) : DecodeFast<true>(place, watch);
    if (stop == Stop::kInput) stop = DecodeSymbol(place, watch);
    if (stop != Stop::kOutput) return stop;
  }
}

}  // namespace orcio::inline index

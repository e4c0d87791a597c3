#include "index/gzip/gzip_stream.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"
#include "index/gzip/gzip_format.h"
#include "index/gzip/gzip_header.h"

namespace orcio::inline index {
namespace {

// More damaged members than that are remembered as one stretch: nothing is read in between.
constexpr size_t kMostBadMembers = 1000;

}  // namespace

GzipStream::GzipStream(InputBuffer& in, std::string name)
    : in_(in), name_(std::move(name)), checks_members_(true) {}

GzipStream::GzipStream(InputBuffer& in, std::string name, const Inflater& inflater, bool has_window)
    : in_(in),
      name_(std::move(name)),
      checks_members_(false),
      state_(Stage::kBlocks),
      inflater_(inflater),
      any_member_(true),
      member_bytes_(has_window ? WindowUse::kWindowBytes : 0) {}

GzipStream::GzipStream(InputBuffer& in, std::string name, const State& state,
                       const Inflater& inflater)
    : in_(in),
      name_(std::move(name)),
      checks_members_(true),
      begin_(in.offset()),
      at_first_(state.buffered),
      inflater_(inflater),
      block_bit_(state.position.block_bit),
      data_end_(state.data_end),
      any_member_(state.any_member),
      member_offset_(state.member_offset),
      member_begin_(state.member_begin),
      member_bytes_(state.member_bytes),
      member_crc32_(state.member_crc32),
      bad_members_(state.bad_members) {
  if (state.at == State::At::kBlocks) state_ = Stage::kBlocks;
  if (state.at == State::At::kTrailer) state_ = Stage::kTrailer;
}

GzipStream::State GzipStream::Save() const {
  State state;
  state.data_end = data_end_;
  state.any_member = any_member_;
  state.member_offset = member_offset_;
  state.member_begin = member_begin_;
  state.member_bytes = member_bytes_;
  state.member_crc32 = member_crc32_;
  state.bad_members = bad_members_;
  if (state_ == Stage::kBlocks) {
    state.at = State::At::kBlocks;
    state.position = position();
  } else {
    // Bits that a deflate stream leaves of its last byte are nothing.
    state.at = state_ == Stage::kTrailer ? State::At::kTrailer : State::At::kHeader;
    state.position = {in_.offset() * 8, in_.offset() * 8};
  }
  const bool untouched = in_.offset() == begin_ && in_.bytes().empty();
  state.buffered =
      untouched ? at_first_ : in_.offset() + in_.bytes().size() - state.position.bit / 8;
  return state;
}

GzipStream::Position GzipStream::position() const {
  const uint64_t bit = in_.offset() * 8 + inflater_.skipped_bits() - inflater_.unread_bits();
  return {bit, inflater_.at_header() ? bit : block_bit_};
}

Failure GzipStream::CutShort() {
  cut_short_ = true;
  return Fail(ErrorKind::kDamaged, "{}: cut short: it ends at offset {}, inside a gzip member",
              name_, in_.offset() + in_.bytes().size());
}

Result<GzipStream::Event> GzipStream::Run(std::byte*& out, std::byte* out_end,
                                          const std::byte* buffer, const Inflater::Watch* watch) {
  for (;;) {
    switch (state_) {
      case Stage::kHeader:
        ORCIO_TRY(ReadHeader());
        if (state_ == Stage::kBlocks) return Event::kBlock;
        break;
      case Stage::kBlocks:
        switch (ORCIO_TRY(Inflate(out, out_end, buffer, watch))) {
          case Inflater::Stop::kOutput:
            return Event::kFull;
          case Inflater::Stop::kBlock:
            return Event::kBlock;
          default:
            state_ = Stage::kTrailer;
            // Whoever wants no more has no trailer either, if a span ends with the block.
            if (out >= out_end) return Event::kFull;
        }
        break;
      case Stage::kTrailer:
        ORCIO_TRY(ReadTrailer());
        break;
      case Stage::kEnd:
        return Event::kEnd;
    }
  }
}

Result<void> GzipStream::ReadHeader() {
  if (any_member_) {
    const bool another = ORCIO_TRY(IsAtMember());
    if (!another) return ReadTail();
  }
  member_offset_ = in_.offset();
  auto header = ReadGzipHeader(in_);
  if (!header) {
    Error error = std::move(header).error();
    if (error.kind != ErrorKind::kDamaged) return Failure(std::move(error));
    if (in_.bytes().empty()) return CutShort();
    return Fail(error.kind, "{} at offset {}: {}", name_, member_offset_, error.message);
  }
  any_member_ = true;
  member_begin_ += std::exchange(member_bytes_, 0);
  member_crc32_ = 0;
  inflater_.Begin();
  state_ = Stage::kBlocks;
  return {};
}

Result<bool> GzipStream::IsAtMember() {
  ORCIO_TRY(in_.Fill(gzip::kMagicBytes));
  const auto bytes = in_.bytes();
  return bytes.size() >= gzip::kMagicBytes && bytes[0] == std::byte{0x1f} &&
         bytes[1] == std::byte{0x8b};
}

Result<void> GzipStream::ReadTail() {
  const uint64_t offset = in_.offset();
  state_ = Stage::kEnd;
  for (;;) {
    ORCIO_TRY(in_.Fill(1));
    const auto bytes = in_.bytes();
    if (bytes.empty()) return {};
    if (!std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; })) {
      garbage_ =
          fmt::format("something that is no gzip follows at offset {}; it is left out", offset);
      return {};
    }
    in_.Skip(bytes.size());
  }
}

Result<void> GzipStream::ReadTrailer() {
  ORCIO_TRY(in_.Fill(gzip::kTrailerBytes));
  if (in_.bytes().size() < gzip::kTrailerBytes) return CutShort();
  ByteReader trailer(in_.bytes());
  const uint32_t crc32 = *trailer.Get<uint32_t>();
  const uint32_t bytes = *trailer.Get<uint32_t>();
  in_.Skip(gzip::kTrailerBytes);
  state_ = Stage::kHeader;
  if (!checks_members_ || (crc32 == member_crc32_ && bytes == static_cast<uint32_t>(member_bytes_)))
    return {};
  BadMember bad{member_begin_, member_begin_ + member_bytes_,
                fmt::format("the gzip member at offset {} is damaged: it decodes to {} bytes with "
                            "the CRC {:08x}, and says {} (modulo 2^32) and {:08x}",
                            member_offset_, member_bytes_, member_crc32_, bytes, crc32)};
  if (bad_members_.size() < kMostBadMembers) {
    bad_members_.push_back(std::move(bad));
  } else {
    bad_members_.back().end = bad.end;
  }
  return {};
}

Result<Inflater::Stop> GzipStream::Inflate(std::byte*& out, std::byte* out_end,
                                           const std::byte* buffer, const Inflater::Watch* watch) {
  for (;;) {
    ORCIO_TRY(in_.Fill(Inflater::kEnoughInput));
    const auto bytes = in_.bytes();
    const auto before = static_cast<uint64_t>(out - buffer);
    Inflater::Place place{bytes.data(), bytes.data() + bytes.size(), out, out_end,
                          out - std::min(before, member_bytes_)};
    block_bit_ = position().block_bit;
    const auto stop = inflater_.Run(place, watch);
    const auto made = static_cast<size_t>(place.out - out);
    if (checks_members_) member_crc32_ = libdeflate_crc32(member_crc32_, out, made);
    member_bytes_ += made;
    out = place.out;
    in_.Skip(static_cast<size_t>(place.in - bytes.data()));
    data_end_ = in_.offset();
    if (stop == Inflater::Stop::kDamaged) {
      return Fail(ErrorKind::kDamaged, "{}: damaged at or before offset {}: {}", name_,
                  in_.offset(), inflater_.damage());
    }
    if (stop != Inflater::Stop::kInput) return stop;
    // It leaves less than it needs if there is more to come.
    if (in_.bytes().size() == bytes.size() || in_.bytes().size() >= Inflater::kEnoughInput) {
      return CutShort();
    }
  }
}

}  // namespace orcio::inline index

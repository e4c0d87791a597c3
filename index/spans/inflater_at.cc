#include "index/spans/inflater_at.h"

#include <array>

namespace orcio::inline index {
namespace {

// In the middle of the block whose header begins at bit `block`, at bit `at`.
Result<Inflater> EnterBlock(const RandomAccess& archive, uint64_t block, uint64_t at,
                            const std::string& what) {
  std::array<std::byte, Inflater::kEnoughInput> bytes;
  const size_t got = ORCIO_TRY(archive.ReadAt(block / 8, bytes));
  Inflater inflater;
  inflater.Begin(static_cast<unsigned>(block % 8));
  Inflater::Place place{bytes.data(), bytes.data() + got};
  const bool read = inflater.ReadHeader(place) == Inflater::Stop::kOutput;
  const auto header_bytes = static_cast<uint64_t>(place.in - bytes.data());
  const uint64_t header_end = (block / 8 + header_bytes) * 8 - inflater.unread_bits();
  const uint64_t stored_done = inflater.in_stored_block() ? (at - header_end) / 8 : 0;
  if (!read || at < header_end || !inflater.Continue(static_cast<unsigned>(at % 8), stored_done)) {
    return Fail(ErrorKind::kDamaged, "{}: no deflate block begins at bit {} of the archive", what,
                block);
  }
  return inflater;
}

}  // namespace

Result<Inflater> InflaterAt(const RandomAccess& archive, const GzipStream::Position& place,
                            const std::string& what) {
  if (place.block_bit > place.bit)
    return Fail(ErrorKind::kDamaged, "{}: it begins at an impossible bit", what);
  if (place.block_bit < place.bit) return EnterBlock(archive, place.block_bit, place.bit, what);
  Inflater inflater;
  inflater.Begin(static_cast<unsigned>(place.bit % 8));
  return inflater;
}

}  // namespace orcio::inline index

#include "index/tar/tar_scan_state.h"

#include <algorithm>

#include "base/bytes.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {
namespace {

// Far beyond any tar: what is added to it does not overflow.
constexpr uint64_t kMostTarBytes = uint64_t{1} << 60;
// Bytes of holes that a byte of tar pays for.
constexpr uint64_t kHolesAByte = 4;

// Bytes of the content that have gone by, which the pieces of a sound one cannot make overflow.
uint64_t BytesRead(const TarEntryInWork& work) {
  uint64_t bytes = work.piece_read;
  for (uint64_t i = 0; i < work.piece; ++i) bytes += work.content.pieces[i].second;
  return bytes;
}

bool IsPossible(const TarEntryInWork& work, uint64_t position, uint64_t holes_digested) {
  const auto& pieces = work.content.pieces;
  if (work.entry.type != EntryType::kFile && work.entry.type != EntryType::kHardLink) return false;
  const auto holes = HolesOf(work.content);
  if (!holes || (work.digesting && *holes > holes_digested)) return false;
  if (work.entry.size != work.content.size || work.piece >= pieces.size()) return false;
  if (work.piece_read == 0 || work.piece_read > pieces[work.piece].second) return false;
  return work.content_begin <= position && position - work.content_begin == BytesRead(work);
}

}  // namespace

std::optional<uint64_t> HolesOf(const TarContent& content) {
  if (!content.sound) return std::nullopt;
  uint64_t end = 0;
  uint64_t data = 0;
  for (const auto& [offset, length] : content.pieces) {
    const auto piece_end = CheckedAdd(offset, length);
    if (!piece_end || *piece_end > content.size || offset < end) return std::nullopt;
    end = *piece_end;
    data += length;
  }
  if (data > content.stored_bytes || PaddedToBlock(data) < PaddedToBlock(content.stored_bytes))
    return std::nullopt;
  return content.size - data;
}

uint64_t EndOfPieces(const TarContent& content, uint64_t count) {
  if (count == 0) return 0;
  const auto& [offset, length] = content.pieces[count - 1];
  return offset + length;
}

uint64_t HoleBudget(uint64_t max_hole_bytes, uint64_t position) {
  const uint64_t paid = std::min(position, UINT64_MAX / 8) * kHolesAByte;
  return CheckedAdd(max_hole_bytes, paid).value_or(UINT64_MAX);
}

bool IsPossible(const TarScanState& state) {
  if (state.position == 0 || state.position > kMostTarBytes) return false;
  if (std::max(state.summary.end_of_entries, state.headers.end_of_lone_headers) > state.position)
    return false;
  // What is left of a hole is digested in one go.
  if (state.holes_digested > HoleBudget(TarScanOptions().max_hole_bytes, state.position))
    return false;
  return !state.in_work || IsPossible(*state.in_work, state.position, state.holes_digested);
}

}  // namespace orcio::inline index

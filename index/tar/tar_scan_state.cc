#include "index/tar/tar_scan_state.h"

#include <algorithm>

#include "base/bytes.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {
namespace {

// Far beyond any tar: what is added to it does not overflow.
constexpr uint64_t kMostTarBytes = uint64_t{1} << 60;

// Bytes of the content that have gone by, which the pieces of a sound one cannot make overflow.
uint64_t BytesRead(const TarEntryInWork& work) {
  uint64_t bytes = work.piece_read;
  for (uint64_t i = 0; i < work.piece; ++i) bytes += work.content.pieces[i].second;
  return bytes;
}

bool IsPossible(const TarEntryInWork& work, uint64_t position) {
  const auto& pieces = work.content.pieces;
  if (work.entry.type != EntryType::kFile && work.entry.type != EntryType::kHardLink) return false;
  if (!HolesOf(work.content)) return false;
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

bool IsPossible(const TarScanState& state) {
  if (state.position == 0 || state.position > kMostTarBytes) return false;
  if (std::max(state.summary.end_of_entries, state.headers.end_of_lone_headers) > state.position)
    return false;
  return !state.in_work || IsPossible(*state.in_work, state.position);
}

}  // namespace orcio::inline index

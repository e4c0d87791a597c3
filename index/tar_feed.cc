#include "index/tar_feed.h"

#include <algorithm>
#include <cstring>

namespace orcio {
namespace {

// How many bytes of `bytes` are left once the zeros at their end are gone.
size_t WithoutTrailingZeros(std::span<const std::byte> bytes) {
  constexpr size_t kWord = sizeof(uint64_t);
  size_t size = bytes.size();
  while (size >= kWord) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + size - kWord, kWord);
    if (word != 0) break;
    size -= kWord;
  }
  while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
  return size;
}

}  // namespace

std::span<const std::byte> TarFeed::Next() {
  if (ended_ || error_) return {};
  if (keeping_) {
    const uint64_t from = std::max(kept_offset_, piece_offset_);
    const auto fresh = piece_.subspan(static_cast<size_t>(from - piece_offset_));
    if (kept_.size() + fresh.size() > kMaxHeaderBytes) {
      error_ = Error{ErrorKind::kLimit, 0,
                     fmt::format("the headers of the tar entry at offset {} take more than {} "
                                 "bytes, which is not supported",
                                 kept_offset_, kMaxHeaderBytes)};
      return {};
    }
    kept_.insert(kept_.end(), fresh.begin(), fresh.end());
  }
  piece_offset_ += piece_.size();
  piece_ = {};
  auto next = source_.Next();
  if (!next) {
    error_ = std::move(next).error();
    return {};
  }
  piece_ = *next;
  if (piece_.empty()) ended_ = true;
  const size_t nonzero = WithoutTrailingZeros(piece_);
  if (nonzero > 0) end_of_nonzero_ = piece_offset_ + nonzero;
  return piece_;
}

void TarFeed::BeginHeaders(uint64_t offset) {
  if (offset >= piece_offset_) {
    kept_.clear();
  } else {
    // libarchive has looked beyond the headers it read last: they were kept up to this piece.
    const auto stale = std::min<uint64_t>(offset - kept_offset_, kept_.size());
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(stale));
  }
  kept_offset_ = offset;
  keeping_ = true;
}

std::span<const std::byte> TarFeed::Headers(uint64_t from, uint64_t to) {
  if (from < kept_offset_ || to < from || to > bytes()) return {};
  if (from >= piece_offset_) {
    return piece_.subspan(static_cast<size_t>(from - piece_offset_),
                          static_cast<size_t>(to - from));
  }
  const auto kept = std::span<const std::byte>(kept_).subspan(
      std::min(static_cast<size_t>(from - kept_offset_), kept_.size()));
  joined_.assign(kept.begin(), kept.end());
  if (to > piece_offset_) {
    const auto rest = piece_.first(static_cast<size_t>(to - piece_offset_));
    joined_.insert(joined_.end(), rest.begin(), rest.end());
  }
  return std::span<const std::byte>(joined_).first(
      std::min(static_cast<size_t>(to - from), joined_.size()));
}

Result<void> TarFeed::Drain() {
  keeping_ = false;
  while (!ended_ && !error_) static_cast<void>(Next());
  if (error_) return Failure(*error_);
  return {};
}

}  // namespace orcio

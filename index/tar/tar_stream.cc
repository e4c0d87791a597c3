#include "index/tar/tar_stream.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/bytes.h"

namespace orcio::inline index {
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

uint64_t PaddedToBlock(uint64_t stored_bytes) {
  if (stored_bytes > std::numeric_limits<uint64_t>::max() - kTarBlockSize)
    return std::numeric_limits<uint64_t>::max();
  return (stored_bytes + kTarBlockSize - 1) / kTarBlockSize * kTarBlockSize;
}

Result<void> TarStream::Fill() {
  if (!front_.empty()) return {};
  front_ = std::exchange(back_, {});
  if (!front_.empty() || ended_) return {};
  front_ = ORCIO_TRY(source_.Next());
  ended_ = front_.empty();
  return {};
}

Result<std::span<const std::byte>> TarStream::PeekBlock() {
  ORCIO_TRY(Fill());
  if (front_.size() >= kTarBlockSize) return front_.first(kTarBlockSize);
  // The source's memory goes with its next piece. front_ may lie in joined_ already.
  size_t have = front_.size();
  if (have > 0) std::memmove(joined_.data(), front_.data(), have);  // neither may be null
  front_ = std::span<const std::byte>(joined_).first(have);
  while (have < kTarBlockSize && !ended_) {
    if (back_.empty()) {
      back_ = ORCIO_TRY(source_.Next());
      ended_ = back_.empty();
    }
    const size_t more = std::min(back_.size(), kTarBlockSize - have);
    std::copy_n(back_.begin(), more, joined_.begin() + static_cast<ptrdiff_t>(have));
    back_ = back_.subspan(more);
    have += more;
    front_ = std::span<const std::byte>(joined_).first(have);
  }
  return front_;
}

Result<std::span<const std::byte>> TarStream::Peek(uint64_t limit) {
  ORCIO_TRY(Fill());
  return front_.first(static_cast<size_t>(std::min<uint64_t>(limit, front_.size())));
}

void TarStream::Pass(size_t bytes) {
  front_ = front_.subspan(bytes);
  position_ += bytes;
}

Result<uint64_t> TarStream::Skip(uint64_t bytes) {
  uint64_t passed = 0;
  while (passed < bytes) {
    const auto piece = ORCIO_TRY(Peek(bytes - passed));
    if (piece.empty()) break;
    passed += piece.size();
    Pass(piece.size());
  }
  return passed;
}

Result<uint64_t> TarStream::Read(uint64_t bytes, std::string& text) {
  uint64_t read = 0;
  while (read < bytes) {
    const auto piece = ORCIO_TRY(Peek(bytes - read));
    if (piece.empty()) break;
    text.append(AsText(piece));
    read += piece.size();
    Pass(piece.size());
  }
  return read;
}

Result<uint64_t> TarStream::Drain(bool until_nonzero) {
  const uint64_t begin = position_;
  uint64_t end_of_nonzero = begin;
  for (;;) {
    const auto piece = ORCIO_TRY(Peek(std::numeric_limits<uint64_t>::max()));
    if (piece.empty() || (until_nonzero && end_of_nonzero > begin)) return end_of_nonzero;
    if (const size_t nonzero = WithoutTrailingZeros(piece); nonzero > 0)
      end_of_nonzero = position_ + nonzero;
    Pass(piece.size());
  }
}

}  // namespace orcio::inline index

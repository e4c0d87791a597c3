#include "index/tar/sparse_map.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace orcio::inline index {
namespace {

constexpr size_t kPieceSize = 24;  // offset and length, 12 bytes each

// Where the parts of an old sparse header are.
struct OldLayout {
  size_t pieces = 386;
  size_t is_extended = 482;
  size_t real_size = 483;
};

OldLayout LayoutOf(const TarBlock& block) {
  constexpr OldLayout kGnu;
  constexpr OldLayout kStar{.pieces = 356, .is_extended = 355, .real_size = 452};
  const bool star = block.dialect() == TarDialect::kUstar && block.Text(508, 4) == "tar";
  return star ? kStar : kGnu;
}

// Adds up to `count` pieces of a header block; an empty one ends the map.
void AddPieces(const TarBlock& block, size_t at, size_t count, SparseMap& map) {
  for (size_t i = 0; i < count; ++i, at += kPieceSize) {
    if (block.Field(at + kPieceSize / 2, 1) == std::string_view("\0", 1)) return;
    const auto offset = block.Number(at, kPieceSize / 2);
    const auto length = block.Number(at + kPieceSize / 2, kPieceSize / 2);
    if (!offset || !length || *offset < 0 || *length < 0 || map.pieces.size() >= kMaxSparsePieces) {
      map.sound = false;
      return;
    }
    map.pieces.emplace_back(*offset, *length);
  }
}

Result<SparseMap> ReadOldMap(TarStream& stream, const TarHeaders& headers) {
  constexpr size_t kInHeader = 4;
  constexpr size_t kInExtension = 21;
  constexpr size_t kIsExtended = 504;  // in an extension block
  SparseMap map;
  const OldLayout layout = LayoutOf(headers.block);
  const auto size = headers.block.Number(layout.real_size, 12);
  map.size = static_cast<uint64_t>(std::max<int64_t>(0, size.value_or(0)));
  map.sound = size.has_value() && *size >= 0;
  map.stored_bytes = headers.stored_bytes();
  AddPieces(headers.block, layout.pieces, kInHeader, map);
  bool extended = headers.block.Field(layout.is_extended, 1)[0] != '\0';
  while (extended) {
    const auto bytes = ORCIO_TRY(stream.PeekBlock());
    if (bytes.size() < kTarBlockSize) {
      map.sound = false;
      break;
    }
    const TarBlock block(bytes);
    stream.Pass(kTarBlockSize);
    AddPieces(block, 0, kInExtension, map);
    extended = block.Field(kIsExtended, 1)[0] != '\0';
  }
  return map;
}

// Reads numbers, each on a line, out of the blocks before the content.
class NumberLines {
 public:
  NumberLines(TarStream& stream, uint64_t limit) : stream_(stream), left_(limit) {}

  // Nothing if there is none.
  Result<std::optional<uint64_t>> Next() {
    size_t end = text_.find('\n', at_);
    while (end == std::string::npos && text_.size() - at_ < kMostDigits) {
      if (left_ < kTarBlockSize) return std::nullopt;
      text_.erase(0, at_);
      at_ = 0;
      const uint64_t read = ORCIO_TRY(stream_.Read(kTarBlockSize, text_));
      left_ -= read;
      taken_ += read;
      if (read < kTarBlockSize) return std::nullopt;
      end = text_.find('\n');
    }
    if (end == std::string::npos) return std::nullopt;
    uint64_t number = 0;
    const char* last = text_.data() + end;
    const auto [stopped, error] = std::from_chars(text_.data() + at_, last, number);
    if (error != std::errc() || stopped != last) return std::nullopt;
    at_ = end + 1;
    return number;
  }
  [[nodiscard]] uint64_t taken() const { return taken_; }

 private:
  static constexpr size_t kMostDigits = 32;

  TarStream& stream_;
  std::string text_;
  size_t at_ = 0;
  uint64_t left_;
  uint64_t taken_ = 0;
};

// Version 1.0: how many pieces, then the numbers of each, each on a line; padded to a block.
Result<void> ReadMapBeforeContent(TarStream& stream, SparseMap& map) {
  NumberLines lines(stream, std::min(map.stored_bytes, TarHeaderReader::kMaxHeaderBytes));
  const auto count = ORCIO_TRY(lines.Next());
  map.sound = map.sound && count && *count <= kMaxSparsePieces;
  for (uint64_t i = 0; map.sound && i < *count; ++i) {
    const auto offset = ORCIO_TRY(lines.Next());
    const auto length = ORCIO_TRY(lines.Next());
    map.sound = offset && length;
    if (map.sound) map.pieces.emplace_back(*offset, *length);
  }
  map.stored_bytes -= std::min(map.stored_bytes, lines.taken());
  return {};
}

Result<std::optional<SparseMap>> ReadPaxMap(TarStream& stream, TarHeaders& headers) {
  PaxValues& pax = headers.pax;
  const uint64_t stored = headers.stored_bytes();
  const bool before_content = pax.sparse_major == 1;
  // A name and nothing else makes no sparse file.
  if (!before_content && pax.sparse_pieces.empty() && pax.sparse_sound &&
      (stored > 0 || !pax.sparse_size)) {
    return std::nullopt;
  }
  SparseMap map;
  map.stored_bytes = stored;
  map.sound = pax.sparse_sound && pax.sparse_major <= 1;
  if (before_content) {
    ORCIO_TRY(ReadMapBeforeContent(stream, map));
  } else {
    map.pieces = std::move(pax.sparse_pieces);
  }
  if (pax.sparse_size) {
    map.size = *pax.sparse_size;
  } else {
    for (const auto& [offset, length] : map.pieces) map.size = std::max(map.size, offset + length);
  }
  return map;
}

}  // namespace

Result<std::optional<SparseMap>> ReadSparseMap(TarStream& stream, TarHeaders& headers) {
  const char type = headers.block.type();
  if (headers.pax.sparse && (type == '0' || type == '\0' || type == '7' || type == 'S'))
    return ReadPaxMap(stream, headers);
  if (type == 'S') return ORCIO_TRY(ReadOldMap(stream, headers));
  return std::nullopt;
}

}  // namespace orcio::inline index

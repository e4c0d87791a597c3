#include "index/tar/tar_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/text/safe_text.h"
#include "index/tar/sparse_map.h"
#include "index/tar/tar_entry_maker.h"
#include "index/tar/tar_headers.h"
#include "index/tar/tar_report.h"
#include "index/tar/tar_stream.h"

namespace orcio {
namespace {

constexpr uint64_t kEndMarker = 2 * kTarBlockSize;
// Bytes of holes that a byte of tar pays for.
constexpr uint64_t kHolesAByte = 4;

// A file's content as it is read: the pieces of it that the tar has, in order.
struct Content {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;  // offset in the file, and length
  uint64_t size = 0;
  uint64_t stored_bytes = 0;
  bool sound = true;
};

// Bytes of the file that are in holes; nothing where the map contradicts itself or what is stored.
std::optional<uint64_t> HolesOf(const Content& content) {
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

class Scanner {
 public:
  Scanner(TarSource& source, const std::function<Result<void>(TarEntry&&)>& sink,
          const TarScanOptions& options)
      : stream_(source), headers_(stream_, report_), sink_(sink), options_(options) {}

  Result<TarSummary> Run();

 private:
  Result<void> ReadEntry(TarHeaders&& headers);
  Result<Content> ContentOf(TarHeaders& headers, const TarEntry& entry);
  Result<uint64_t> StoredBytesOf(const TarHeaders& headers, const TarEntry& entry);
  Result<void> ReadContent(const Content& content, TarEntry& entry);
  // Reads one piece of the file; returns how much of it there is.
  Result<uint64_t> ReadPiece(uint64_t file_offset, uint64_t length, TarEntry& entry);
  bool MayDigest(const TarEntry& entry, std::optional<uint64_t> holes);
  Result<void> Finish();

  TarSummary summary_;
  TarReport report_{summary_};
  TarStream stream_;
  TarHeaderReader headers_;
  const std::function<Result<void>(TarEntry&&)>& sink_;
  const TarScanOptions& options_;
  Sha256 sha256_;
  bool digesting_ = false;
  uint64_t holes_digested_ = 0;
  uint64_t content_before_ = 0;  // of the last entry
  bool cut_short_ = false;       // the stream ended inside an entry
};

Result<TarSummary> Scanner::Run() {
  while (!cut_short_) {
    const bool was_sound = !summary_.damage;
    auto headers = ORCIO_TRY(headers_.Next());
    if (was_sound && summary_.damage) summary_.damage->content_before = content_before_;
    if (options_.stop_at_damage && summary_.damage)
      return Fail(ErrorKind::kDamaged, "{}", summary_.damage->message);
    if (!headers) break;
    ORCIO_TRY(ReadEntry(std::move(*headers)));
  }
  ORCIO_TRY(Finish());
  return std::move(summary_);
}

Result<void> Scanner::ReadEntry(TarHeaders&& headers) {
  std::vector<std::string> notes;
  auto made = MakeTarEntry(headers, notes);
  for (const std::string& note : notes) {
    report_.Warn(fmt::format("{}, at offset {}: {}", made ? SafeText(made->path) : "an entry",
                             headers.offset, note));
  }
  TarEntry entry = made ? std::move(*made) : TarEntry();
  entry.header_offset = headers.offset;
  const Content content = ORCIO_TRY(ContentOf(headers, entry));
  const uint64_t content_begin = stream_.position();
  // Where the tar ends inside a sparse map, the content that is not there begins at no block.
  entry.data_offset = content_begin / kTarBlockSize * kTarBlockSize;
  content_before_ = entry.data_offset;
  // Whatever is made of it, this is where the next headers are.
  const uint64_t padded = PaddedToBlock(content.stored_bytes);
  const bool has_content = entry.type == EntryType::kFile || entry.type == EntryType::kHardLink;
  if (made && has_content) {
    entry.size = content.size;
    ORCIO_TRY(ReadContent(content, entry));
  }
  const uint64_t left = padded - (stream_.position() - content_begin);
  cut_short_ = ORCIO_TRY(stream_.Skip(left)) < left;
  summary_.end_of_entries = stream_.position();
  if (!made) return {};
  if (!entry.complete) {
    report_.Warn(fmt::format("{}, at offset {}: its content is not whole", SafeText(entry.path),
                             entry.header_offset));
  }
  ORCIO_TRY(sink_(std::move(entry)));
  ++summary_.entries;
  return {};
}

Result<Content> Scanner::ContentOf(TarHeaders& headers, const TarEntry& entry) {
  if (auto map = ORCIO_TRY(ReadSparseMap(stream_, headers))) {
    return Content{std::move(map->pieces), map->size, map->stored_bytes, map->sound};
  }
  Content content;
  content.stored_bytes = ORCIO_TRY(StoredBytesOf(headers, entry));
  content.size = content.stored_bytes;
  if (content.size > 0) content.pieces.emplace_back(0, content.size);
  // star's sparse files in pax form: what is stored there only star knows.
  const auto& star_size = headers.pax.star_size;
  if (entry.type == EntryType::kFile && star_size && *star_size != content.size) {
    content.size = *star_size;
    content.sound = false;
  }
  return content;
}

// How much content stands behind the headers. Some programs give things without content a size.
Result<uint64_t> Scanner::StoredBytesOf(const TarHeaders& headers, const TarEntry& entry) {
  const uint64_t claimed = headers.stored_bytes();
  const char type = headers.block.type();
  if (type >= '2' && type <= '6') return 0;
  // A file that is a directory by the slash behind its name.
  const bool slash = type != 'D' && entry.type == EntryType::kDirectory;
  if ((!slash && type != '1') || claimed == 0) return claimed;
  // POSIX lets only pax have content behind a hard link. Programs put the size of what it links to
  // there, and mostly no content: then the next headers follow at once.
  if (type == '1' && headers.block.dialect() != TarDialect::kUstar) return 0;
  const bool pax = type == '1' && headers.after_pax;
  const auto next = ORCIO_TRY(stream_.PeekBlock());
  if (next.size() < kTarBlockSize) return 0;
  const TarBlock block(next);
  return (block.IsZero() && !pax) || block.ChecksumFits() ? 0 : claimed;
}

bool Scanner::MayDigest(const TarEntry& entry, std::optional<uint64_t> holes) {
  if (!options_.digest || entry.type != EntryType::kFile || !holes) return false;
  const uint64_t paid = std::min(stream_.position(), UINT64_MAX / 8) * kHolesAByte;
  const uint64_t budget = CheckedAdd(options_.max_hole_bytes, paid).value_or(UINT64_MAX);
  if (*holes > budget - std::min(budget, holes_digested_)) return false;
  holes_digested_ += *holes;
  return true;
}

Result<void> Scanner::ReadContent(const Content& content, TarEntry& entry) {
  const auto holes = HolesOf(content);
  entry.complete = holes.has_value();
  // What a map says that makes no sense is not handed out.
  if (!holes) return {};
  digesting_ = MayDigest(entry, holes);
  uint64_t end = 0;
  for (const auto& [offset, length] : content.pieces) {
    if (digesting_) sha256_.UpdateZeros(offset - end);
    const uint64_t read = ORCIO_TRY(ReadPiece(offset, length, entry));
    end = offset + length;
    if (read == length) continue;
    entry.complete = false;
    break;
  }
  if (!digesting_) return {};
  if (entry.complete) sha256_.UpdateZeros(content.size - end);
  const Sha256Digest digest = sha256_.Finish();
  if (entry.complete) entry.digest = digest;
  return {};
}

Result<uint64_t> Scanner::ReadPiece(uint64_t file_offset, uint64_t length, TarEntry& entry) {
  const uint64_t tar_offset = stream_.position();
  uint64_t read = 0;
  while (read < length) {
    const auto bytes = ORCIO_TRY(stream_.Peek(length - read));
    if (bytes.empty()) break;
    if (digesting_) sha256_.Update(bytes);
    read += bytes.size();
    stream_.Pass(bytes.size());
  }
  if (read == 0) return read;
  Extent* last = entry.extents.empty() ? nullptr : &entry.extents.back();
  // Pieces stand in the tar one behind the other.
  if (last != nullptr && last->file_offset + last->length == file_offset) {
    last->length += read;
  } else {
    entry.extents.push_back({file_offset, tar_offset, read});
  }
  return read;
}

Result<void> Scanner::Finish() {
  cut_short_ = cut_short_ || headers_.cut_short();
  summary_.end_of_entries = std::max(summary_.end_of_entries, headers_.end_of_lone_headers());
  // A disk image may begin like an empty tar. What comes behind may be long, and is nothing to us.
  const bool zeros_first = stream_.position() == 0 && !cut_short_;
  const uint64_t end_of_nonzero = ORCIO_TRY(stream_.Drain(zeros_first));
  if (zeros_first && end_of_nonzero > 0) {
    return Fail(ErrorKind::kDamaged,
                "no tar begins at offset 0, but zeros, as at a tar's end, with something behind");
  }
  summary_.tar_bytes = stream_.position();
  if (summary_.entries == 0 && summary_.damage)
    return Fail(ErrorKind::kDamaged, "{}; not one entry can be read", summary_.damage->message);
  if (!headers_.had_header() && cut_short_ && summary_.tar_bytes > 0)
    return Fail(ErrorKind::kDamaged, "{} bytes are no tar", summary_.tar_bytes);
  if (cut_short_) {
    summary_.end_of_entries = summary_.tar_bytes;
    report_.Warn(summary_.tar_bytes == 0
                     ? "the tar is empty"
                     : fmt::format("the tar is cut short: it ends at offset {}, inside an entry",
                                   summary_.tar_bytes));
    return {};
  }
  const bool trailing = end_of_nonzero > summary_.end_of_entries;
  const bool marker = summary_.tar_bytes - summary_.end_of_entries >= kEndMarker;
  summary_.end_marker = marker && !trailing;
  if (trailing) {
    report_.Warn(fmt::format("something follows the end of the tar at offset {}; it is left out",
                             summary_.end_of_entries));
  } else if (!marker) {
    report_.Warn(fmt::format("the tar ends at offset {} without an end-of-archive marker",
                             summary_.tar_bytes));
  }
  return {};
}

}  // namespace

Result<TarSummary> ScanTar(TarSource& source, const std::function<Result<void>(TarEntry&&)>& sink,
                           const TarScanOptions& options) {
  return Scanner(source, sink, options).Run();
}

}  // namespace orcio

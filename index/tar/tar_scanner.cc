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
#include "index/tar/tar_scan_state.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {
namespace {

constexpr uint64_t kEndMarker = 2 * kTarBlockSize;

class Scanner {
 public:
  Scanner(TarSource& source, const std::function<Result<void>(TarEntry&&)>& sink,
          const TarScanOptions& options)
      : stream_(source, options.from == nullptr ? 0 : options.from->position),
        headers_(stream_, report_),
        sink_(sink),
        options_(options) {
    if (options.from != nullptr) GoOn(*options.from);
  }

  Result<TarSummary> Run();

 private:
  Result<void> ReadEntry(TarHeaders&& headers);
  // Passes what is left of the entry in work, and hands it out if there is one to be `handed`.
  Result<void> EndEntry(bool handed);
  Result<TarContent> ContentOf(TarHeaders& headers, const TarEntry& entry);
  Result<uint64_t> StoredBytesOf(const TarHeaders& headers, const TarEntry& entry);
  // From where the entry in work stands.
  Result<void> ReadContent();
  // Reads one piece of the file; returns how much of it there is.
  Result<uint64_t> ReadPiece(TarEntryInWork& work);
  void KeepIfDue();
  void GoOn(const TarScanState& state);
  bool MayDigest(const TarEntry& entry, std::optional<uint64_t> holes);
  Result<void> Finish();

  TarSummary summary_;
  TarReport report_{summary_};
  TarStream stream_;
  TarHeaderReader headers_;
  const std::function<Result<void>(TarEntry&&)>& sink_;
  const TarScanOptions& options_;
  Sha256 sha256_;
  std::optional<TarEntryInWork> in_work_;
  uint64_t holes_digested_ = 0;
  uint64_t content_before_ = 0;  // of the last entry
  bool cut_short_ = false;       // the stream ended inside an entry
};

Result<TarSummary> Scanner::Run() {
  if (in_work_) {
    ORCIO_TRY(ReadContent());
    ORCIO_TRY(EndEntry(true));
  }
  while (!cut_short_) {
    KeepIfDue();
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
  TarEntryInWork& work = in_work_.emplace();
  TarEntry& entry = work.entry;
  if (made) entry = std::move(*made);
  entry.header_offset = headers.offset;
  work.content = ORCIO_TRY(ContentOf(headers, entry));
  work.content_begin = stream_.position();
  // If the tar ends inside a sparse map, the content that is not there begins at no block.
  entry.data_offset = work.content_begin / kTarBlockSize * kTarBlockSize;
  content_before_ = entry.data_offset;
  const bool has_content = entry.type == EntryType::kFile || entry.type == EntryType::kHardLink;
  if (made && has_content) {
    entry.size = work.content.size;
    const auto holes = HolesOf(work.content);
    entry.complete = holes.has_value();
    work.digesting = MayDigest(entry, holes);
    // What a map says that makes no sense is not handed out.
    if (holes) ORCIO_TRY(ReadContent());
  }
  return EndEntry(made.has_value());
}

Result<void> Scanner::EndEntry(bool handed) {
  // Whatever is made of it, this is where the next headers are.
  const uint64_t padded = PaddedToBlock(in_work_->content.stored_bytes);
  const uint64_t left = padded - (stream_.position() - in_work_->content_begin);
  TarEntry entry = std::move(in_work_->entry);
  in_work_.reset();
  cut_short_ = ORCIO_TRY(stream_.Skip(left)) < left;
  summary_.end_of_entries = stream_.position();
  if (!handed) return {};
  if (!entry.complete) {
    report_.Warn(fmt::format("{}, at offset {}: its content is not whole", SafeText(entry.path),
                             entry.header_offset));
  }
  ORCIO_TRY(sink_(std::move(entry)));
  ++summary_.entries;
  return {};
}

Result<TarContent> Scanner::ContentOf(TarHeaders& headers, const TarEntry& entry) {
  if (auto map = ORCIO_TRY(ReadSparseMap(stream_, headers))) {
    return TarContent{std::move(map->pieces), map->size, map->stored_bytes, map->sound};
  }
  TarContent content;
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

// How much content stands after the headers. Some programs give things without content a size.
Result<uint64_t> Scanner::StoredBytesOf(const TarHeaders& headers, const TarEntry& entry) {
  const uint64_t claimed = headers.stored_bytes();
  const char type = headers.block.type();
  if (type >= '2' && type <= '6') return 0;
  // A file that is a directory by the slash after its name.
  const bool slash = type != 'D' && entry.type == EntryType::kDirectory;
  if ((!slash && type != '1') || claimed == 0) return claimed;
  // POSIX lets only pax have content after a hard link. Programs put the size of what it links to
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
  const uint64_t budget = HoleBudget(options_.max_hole_bytes, stream_.position());
  if (*holes > budget - std::min(budget, holes_digested_)) return false;
  holes_digested_ += *holes;
  return true;
}

Result<void> Scanner::ReadContent() {
  TarEntryInWork& work = *in_work_;
  const TarContent& content = work.content;
  for (; work.piece < content.pieces.size(); ++work.piece) {
    const auto [offset, length] = content.pieces[work.piece];
    if (work.digesting && work.piece_read == 0)
      sha256_.UpdateZeros(offset - EndOfPieces(content, work.piece));
    if (ORCIO_TRY(ReadPiece(work)) == length) continue;
    work.entry.complete = false;
    break;
  }
  if (!work.digesting) return {};
  if (work.entry.complete) sha256_.UpdateZeros(content.size - EndOfPieces(content, work.piece));
  const Sha256Digest digest = sha256_.Finish();
  if (work.entry.complete) work.entry.digest = digest;
  return {};
}

Result<uint64_t> Scanner::ReadPiece(TarEntryInWork& work) {
  const auto [file_offset, length] = work.content.pieces[work.piece];
  const uint64_t tar_offset = stream_.position() - work.piece_read;
  while (work.piece_read < length) {
    const auto bytes = ORCIO_TRY(stream_.Peek(length - work.piece_read));
    if (bytes.empty()) break;
    if (work.digesting) sha256_.Update(bytes);
    work.piece_read += bytes.size();
    stream_.Pass(bytes.size());
    KeepIfDue();
  }
  const uint64_t read = std::exchange(work.piece_read, 0);
  if (read == 0) return read;
  auto& extents = work.entry.extents;
  // Pieces stand in the tar one after the other.
  if (!extents.empty() && extents.back().file_offset + extents.back().length == file_offset) {
    extents.back().length += read;
  } else {
    extents.push_back({file_offset, tar_offset, read});
  }
  return read;
}

void Scanner::KeepIfDue() {
  if (options_.keeper == nullptr || !options_.keeper->IsDue(stream_.position())) return;
  TarScanState state{stream_.position(), summary_,        headers_.Save(),
                     holes_digested_,    content_before_, in_work_};
  if (state.in_work && state.in_work->digesting) state.in_work->digest = sha256_.Save();
  options_.keeper->Keep(std::move(state));
}

void Scanner::GoOn(const TarScanState& state) {
  summary_ = state.summary;
  headers_.GoOn(state.headers);
  holes_digested_ = state.holes_digested;
  content_before_ = state.content_before;
  in_work_ = state.in_work;
  if (in_work_ && in_work_->digesting) sha256_.GoOn(in_work_->digest);
}

Result<void> Scanner::Finish() {
  cut_short_ = cut_short_ || headers_.cut_short();
  summary_.end_of_entries = std::max(summary_.end_of_entries, headers_.end_of_lone_headers());
  // A disk image may begin like an empty tar. What comes after may be long, and is nothing to us.
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

}  // namespace orcio::inline index

#include "index/rebuild/foreign_rebuild.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/threads/bounded_queue.h"
#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/rebuild/digest_trail.h"
#include "index/rebuild/lost_spans.h"
#include "index/rebuild/piece_source.h"
#include "index/spans/gzip_spans.h"

namespace orcio::inline index {
namespace {

constexpr size_t kArchivePieceBytes = DigestTrail::kPieceBytes;
constexpr size_t kBufferedPieces = 8;
constexpr size_t kSpansInWork = 6;
constexpr size_t kInputBytes = size_t{256} << 10;

// From an archive file to what its sidecar says:
//
//   reader, digests --pieces--> decoder --spans, in order--> scanner (the caller's thread)
class ForeignRebuild : private TarSource, private TarScanKeeper {
 public:
  ForeignRebuild(const RandomAccess& archive, std::string name, bool is_gzip,
                 const RebuildOptions& options, IndexedArchive& indexed,
                 const ForeignResume& resume)
      : archive_(archive),
        name_(std::move(name)),
        is_gzip_(is_gzip),
        options_(options),
        indexed_(indexed),
        log_(resume.log),
        resumed_(resume.resumed),
        pieces_(kBufferedPieces),
        source_(pieces_, stages_, BeginByte() % kArchivePieceBytes,
                resumed_ == nullptr ? 0 : resumed_->point.spans.stream.buffered),
        input_(source_, BeginByte(), kInputBytes),
        stream_(resumed_ == nullptr
                    ? GzipStream(input_, name_)
                    : GzipStream(input_, name_, resumed_->point.spans.stream, resumed_->inflater)),
        maker_(MakeMaker()),
        spans_in_work_(kSpansInWork) {
    if (resumed_ == nullptr) return;
    sha256_.GoOn(resumed_->point.digest);
    tar_bytes_ = resumed_->point.spans.tar_offset;
    entries_ = resumed_->point.scan.summary.entries;
    last_entry_ = std::move(resumed_->last_entry);
  }

  Result<void> Run(const std::stop_token& stop);

 private:
  // Of the archive, and of the tar, where this begins.
  [[nodiscard]] uint64_t BeginByte() const {
    return resumed_ == nullptr ? 0 : resumed_->point.spans.stream.position.bit / 8;
  }
  [[nodiscard]] uint64_t BeginTar() const {
    return resumed_ == nullptr ? 0 : resumed_->point.scan.position;
  }
  std::unique_ptr<SpanMaker> MakeMaker();
  Result<void> Read();
  Result<void> Decode();
  Result<void> Scan();
  Failure NoTar(const Error& error) const;
  // For the scanner.
  Result<std::span<const std::byte>> Next() override;
  bool IsDue(uint64_t position) override;
  void Keep(TarScanState&& state) override;
  Result<void> TakeFront();
  [[nodiscard]] std::optional<uint64_t> AstrayFrom() const;
  [[nodiscard]] std::vector<DoubtfulStretch> Doubts() const;
  Result<void> SumUp();
  void Warn(std::string text);

  const RandomAccess& archive_;
  const std::string name_;
  const bool is_gzip_;
  const RebuildOptions& options_;
  IndexedArchive& indexed_;
  IndexLog* const log_;
  ResumedIndex* const resumed_;
  BoundedQueue<ArchivePiece> pieces_;
  Sha256 sha256_;  // the reader's
  DigestTrail digests_;

  // The decoder's, until Run has joined it.
  PieceSource source_;
  InputBuffer input_;
  GzipStream stream_;
  std::unique_ptr<SpanMaker> maker_;
  std::optional<Error> damage_;

  OrderedSlots<DecodedSpan> spans_in_work_;
  // The scanner's.
  DecodedSpan* front_ = nullptr;  // that the scanner stands in
  bool ended_ = false;            // the decoder has nothing more
  uint64_t tar_bytes_ = 0;
  uint64_t entries_ = 0;
  std::optional<TarEntry> last_entry_;  // kept back: what breaks after it casts doubt on it

  StageGroup stages_;
};

std::unique_ptr<SpanMaker> ForeignRebuild::MakeMaker() {
  const uint64_t tar_offset = resumed_ == nullptr ? 0 : resumed_->point.spans.tar_offset;
  if (!is_gzip_) return std::make_unique<StoredSpans>(source_, tar_offset);
  if (resumed_ == nullptr) return std::make_unique<GzipSpans>(stream_);
  return std::make_unique<GzipSpans>(stream_, tar_offset, resumed_->point.window);
}

Result<void> ForeignRebuild::Run(const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [this] {
    stages_.Fail(Error{ErrorKind::kCancelled, 0, name_ + ": indexing was cancelled"});
  });
  stages_.Start([this] { return Read(); });
  stages_.Start([this] { return Decode(); });
  auto scanned = Scan();
  if (!scanned) stages_.Fail(std::move(scanned).error());
  stages_.Join();
  ORCIO_TRY(stages_.status());
  indexed_.sha256 = sha256_.Finish();
  return SumUp();
}

Result<void> ForeignRebuild::Read() {
  for (uint64_t offset = BeginByte() / kArchivePieceBytes * kArchivePieceBytes;
       offset < archive_.size();) {
    if (log_ != nullptr) digests_.Add(sha256_.Save());
    ArchivePiece piece(kArchivePieceBytes);
    piece.resize(ORCIO_TRY(archive_.ReadAt(offset, piece)));
    if (piece.empty())
      return Fail(ErrorKind::kIo, "{} was cut short to {} bytes while it was read", name_, offset);
    offset += piece.size();
    sha256_.Update(piece);
    if (!pieces_.Push(std::move(piece), stages_.token())) return {};
  }
  pieces_.Close();
  return {};
}

Result<void> ForeignRebuild::Decode() {
  for (uint64_t index = 0;; ++index) {
    DecodedSpan* decoded = spans_in_work_.Claim(index, stages_.token());
    if (decoded == nullptr) return {};
    auto more = maker_->Next(*decoded);
    if (more && *more) {
      spans_in_work_.Fill(index);
      continue;
    }
    if (!more && more.error().kind != ErrorKind::kDamaged) return Failure(std::move(more).error());
    if (!more) damage_ = std::move(more).error();
    spans_in_work_.End(index);
    source_.Drain();
    return {};
  }
}

Result<std::span<const std::byte>> ForeignRebuild::Next() {
  for (;;) {
    if (std::exchange(front_, nullptr) != nullptr) spans_in_work_.Pop();
    front_ = spans_in_work_.Front(stages_.token());
    ORCIO_TRY(stages_.status());
    if (front_ == nullptr) {
      ended_ = true;
      return std::span<const std::byte>();
    }
    ORCIO_TRY(TakeFront());
    // The scan goes on inside the first of them, or right after it.
    const auto tar = front_->tar();
    const uint64_t passed = BeginTar() - std::min(BeginTar(), front_->span.tar_offset);
    if (passed < tar.size()) return tar.subspan(static_cast<size_t>(passed));
  }
}

Result<void> ForeignRebuild::TakeFront() {
  const Span& span = front_->span;
  front_->start.window_offset = ORCIO_TRY(indexed_.windows.Append(front_->packed_window));
  indexed_.spans.push_back(span);
  indexed_.starts.push_back(front_->start);
  if (log_ != nullptr) log_->AddSpan({span, front_->start, front_->packed_window});
  tar_bytes_ += span.tar_bytes;
  if (options_.progress)
    options_.progress(span.archive_offset + span.archive_bytes, archive_.size());
  return {};
}

// If the scanner has looked ahead, it may stand before its span.
bool ForeignRebuild::IsDue(uint64_t position) {
  return log_->IsDue(position) && front_ != nullptr && position >= front_->span.tar_offset;
}

void ForeignRebuild::Keep(TarScanState&& state) {
  IndexPoint point;
  point.spans = front_->before;
  const auto digest = digests_.At(point.spans.stream.position.bit / 8);
  if (!digest) return;
  point.digest = *digest;
  if (is_gzip_) point.window.assign(front_->window().begin(), front_->window().end());
  point.scan = std::move(state);
  log_->Keep(point);
}

Result<void> ForeignRebuild::Scan() {
  TarScanOptions scan;
  if (log_ != nullptr) scan.keeper = this;
  if (resumed_ != nullptr) scan.from = &resumed_->point.scan;
  const auto take = [&](TarEntry&& entry) -> Result<void> {
    if (log_ != nullptr) log_->AddEntry(entry);
    if (last_entry_) ORCIO_TRY(indexed_.builder.Add(std::move(*last_entry_)));
    last_entry_ = std::move(entry);
    ++entries_;
    return {};
  };
  auto scanned = ScanTar(*this, take, scan);
  ORCIO_TRY(stages_.status());
  if (!scanned) return NoTar(scanned.error());
  // Only a log that was made to mislead says so.
  if (tar_bytes_ < BeginTar())
    return Fail(ErrorKind::kDamaged, "{}: its tar ends before offset {}", name_, BeginTar());
  indexed_.summary = std::move(*scanned);
  if (entries_ > 0 || indexed_.summary.end_marker) return {};
  const auto& warnings = indexed_.summary.warnings;
  return NoTar({ErrorKind::kDamaged, 0, warnings.empty() ? "it holds no entry" : warnings.front()});
}

// Nothing of the archive can be read. The decoder has ended when `damage_` is looked at.
Failure ForeignRebuild::NoTar(const Error& error) const {
  if (ended_ && damage_) return Failure(*damage_);
  return Fail(error.kind, "{}: {}", name_, error.message);
}

void ForeignRebuild::Warn(std::string text) {
  ++indexed_.summary.warning_count;
  indexed_.summary.warnings.insert(indexed_.summary.warnings.begin(), std::move(text));
}

// From where on the tar cannot be what was archived, if the tar itself or the gzip says so: the
// content that comes before the first of it may be what has led astray.
std::optional<uint64_t> ForeignRebuild::AstrayFrom() const {
  const auto& damage = indexed_.summary.damage;
  if (damage) return damage->content_before;
  if (damage_ && !stream_.cut_short() && last_entry_) return last_entry_->data_offset;
  return std::nullopt;
}

// Which of the tar's bytes may be others than were archived. If only a CRC says so, that is all
// of its member.
std::vector<DoubtfulStretch> ForeignRebuild::Doubts() const {
  std::vector<DoubtfulStretch> doubts;
  for (const auto& bad : stream_.bad_members()) doubts.push_back({bad.begin, bad.end});
  if (damage_ && !stream_.cut_short()) doubts.push_back({stream_.checked_up_to(), tar_bytes_});
  if (const auto astray = AstrayFrom()) {
    for (auto& doubt : doubts) {
      if (*astray < doubt.end) doubt.begin = std::max(doubt.begin, *astray);
    }
  }
  std::erase_if(doubts, [](const auto& doubt) { return doubt.begin >= doubt.end; });
  return doubts;
}

Result<void> ForeignRebuild::SumUp() {
  TarSummary& summary = indexed_.summary;
  summary.tar_bytes = tar_bytes_;
  const auto doubts = Doubts();
  if (damage_) Warn(damage_->message);
  if (!stream_.garbage().empty()) Warn(stream_.garbage());
  for (const auto& bad : stream_.bad_members()) Warn(bad.message);
  if (damage_ || !doubts.empty()) summary.end_marker = false;
  if (last_entry_) ORCIO_TRY(indexed_.builder.Add(std::move(*last_entry_)));
  return LoseSpans(archive_, name_, doubts, indexed_);
}

}  // namespace

Result<bool> BeginsLikeGzip(const RandomAccess& archive) {
  std::array<std::byte, 2> magic{};
  const size_t got = ORCIO_TRY(archive.ReadAt(0, magic));
  return got == 2 && magic[0] == std::byte{0x1f} && magic[1] == std::byte{0x8b};
}

Result<void> IndexForeign(const RandomAccess& archive, const std::string& name,
                          const RebuildOptions& options, const std::stop_token& stop,
                          IndexedArchive& indexed, const ForeignResume& resume) {
  if (archive.size() == 0) return Fail(ErrorKind::kDamaged, "{} is empty", name);
  const bool is_gzip = ORCIO_TRY(BeginsLikeGzip(archive));
  return ForeignRebuild(archive, name, is_gzip, options, indexed, resume).Run(stop);
}

}  // namespace orcio::inline index

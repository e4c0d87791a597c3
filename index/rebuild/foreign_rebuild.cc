#include "index/rebuild/foreign_rebuild.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/threads/bounded_queue.h"
#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/rebuild/lost_spans.h"
#include "index/spans/gzip_spans.h"

namespace orcio {
namespace {

using Piece = std::vector<std::byte>;

constexpr size_t kTarPieceBytes = size_t{1} << 20;
constexpr size_t kBufferedPieces = 8;
constexpr size_t kSpansInWork = 6;
constexpr size_t kInputBytes = size_t{256} << 10;

// The pieces of an archive that another thread reads.
class PieceSource : public ByteSource {
 public:
  PieceSource(BoundedQueue<Piece>& pieces, const StageGroup& stages)
      : pieces_(pieces), stages_(stages) {}

  Result<size_t> Read(std::span<std::byte> into) override {
    if (done_ == piece_.size() && !NextPiece()) {
      ORCIO_TRY(stages_.status());
      return 0;
    }
    const size_t count = std::min(into.size(), piece_.size() - done_);
    std::memcpy(into.data(), piece_.data() + done_, count);
    done_ += count;
    return count;
  }
  // Lets the rest go by: it is digested before it comes here.
  void Drain() {
    while (NextPiece()) {
    }
  }

 private:
  bool NextPiece() {
    auto piece = pieces_.Pop(stages_.token());
    piece_ = piece ? std::move(*piece) : Piece();
    done_ = 0;
    return piece.has_value();
  }

  BoundedQueue<Piece>& pieces_;
  const StageGroup& stages_;
  Piece piece_;
  size_t done_ = 0;
};

// From an archive file to what its sidecar says:
//
//   reader, digests --pieces--> decoder --spans, in order--> scanner (the caller's thread)
class ForeignRebuild : private TarSource {
 public:
  ForeignRebuild(const RandomAccess& archive, std::string name, bool is_gzip,
                 const RebuildOptions& options, IndexedArchive& indexed)
      : archive_(archive),
        name_(std::move(name)),
        options_(options),
        indexed_(indexed),
        pieces_(kBufferedPieces),
        source_(pieces_, stages_),
        input_(source_, 0, kInputBytes),
        stream_(input_, name_),
        spans_in_work_(kSpansInWork) {
    if (is_gzip) {
      maker_ = std::make_unique<GzipSpans>(stream_);
    } else {
      maker_ = std::make_unique<StoredSpans>(source_);
    }
  }

  Result<void> Run(const std::stop_token& stop);

 private:
  Result<void> Read();
  Result<void> Decode();
  Result<void> Scan();
  Failure NoTar(const Error& error) const;
  // For the scanner.
  Result<std::span<const std::byte>> Next() override;
  [[nodiscard]] std::optional<uint64_t> AstrayFrom() const;
  [[nodiscard]] std::vector<DoubtfulStretch> Doubts() const;
  Result<void> SumUp();
  void Warn(std::string text);

  const RandomAccess& archive_;
  const std::string name_;
  const RebuildOptions& options_;
  IndexedArchive& indexed_;
  BoundedQueue<Piece> pieces_;
  Sha256 sha256_;  // the reader's

  // The decoder's, until Run has joined it.
  PieceSource source_;
  InputBuffer input_;
  GzipStream stream_;
  std::unique_ptr<SpanMaker> maker_;
  std::optional<Error> damage_;

  OrderedSlots<DecodedSpan> spans_in_work_;
  // The scanner's.
  bool has_front_ = false;
  bool ended_ = false;  // the decoder has nothing more
  uint64_t tar_bytes_ = 0;
  uint64_t entries_ = 0;
  std::optional<TarEntry> last_entry_;  // kept back: what breaks behind it casts doubt on it

  StageGroup stages_;
};

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
  for (uint64_t offset = 0; offset < archive_.size();) {
    Piece piece(kTarPieceBytes);
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
  if (std::exchange(has_front_, false)) spans_in_work_.Pop();
  DecodedSpan* decoded = spans_in_work_.Front(stages_.token());
  ORCIO_TRY(stages_.status());
  if (decoded == nullptr) {
    ended_ = true;
    return std::span<const std::byte>();
  }
  has_front_ = true;
  decoded->start.window_offset = ORCIO_TRY(indexed_.windows.Append(decoded->packed_window));
  indexed_.spans.push_back(decoded->span);
  indexed_.starts.push_back(decoded->start);
  tar_bytes_ += decoded->span.tar_bytes;
  if (options_.progress) {
    options_.progress(decoded->span.archive_offset + decoded->span.archive_bytes, archive_.size());
  }
  return decoded->tar();
}

Result<void> ForeignRebuild::Scan() {
  auto scanned = ScanTar(*this, [&](TarEntry&& entry) -> Result<void> {
    if (last_entry_) ORCIO_TRY(indexed_.builder.Add(std::move(*last_entry_)));
    last_entry_ = std::move(entry);
    ++entries_;
    return {};
  });
  ORCIO_TRY(stages_.status());
  if (!scanned) return NoTar(scanned.error());
  indexed_.summary = std::move(*scanned);
  if (entries_ > 0 || indexed_.summary.end_marker) return {};
  const auto& warnings = indexed_.summary.warnings;
  return NoTar({ErrorKind::kDamaged, 0, warnings.empty() ? "it holds no entry" : warnings.front()});
}

// Nothing of the archive can be read. The decoder has ended where `damage_` is looked at.
Failure ForeignRebuild::NoTar(const Error& error) const {
  if (ended_ && damage_) return Failure(*damage_);
  return Fail(error.kind, "{}: {}", name_, error.message);
}

void ForeignRebuild::Warn(std::string text) {
  ++indexed_.summary.warning_count;
  indexed_.summary.warnings.insert(indexed_.summary.warnings.begin(), std::move(text));
}

// From where on the tar cannot be what was archived, where the tar itself or the gzip says so: the
// content that comes before the first of it may be what has led astray.
std::optional<uint64_t> ForeignRebuild::AstrayFrom() const {
  const auto& damage = indexed_.summary.damage;
  if (damage) return damage->content_before;
  if (damage_ && !stream_.cut_short() && last_entry_) return last_entry_->data_offset;
  return std::nullopt;
}

// Which of the tar's bytes may be others than were archived. Where only a CRC says so, that is all
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

Result<void> IndexForeign(const RandomAccess& archive, const std::string& name,
                          const RebuildOptions& options, const std::stop_token& stop,
                          IndexedArchive& indexed) {
  std::array<std::byte, 2> magic{};
  const size_t got = ORCIO_TRY(archive.ReadAt(0, magic));
  if (got == 0) return Fail(ErrorKind::kDamaged, "{} is empty", name);
  const bool is_gzip = got == 2 && magic[0] == std::byte{0x1f} && magic[1] == std::byte{0x8b};
  return ForeignRebuild(archive, name, is_gzip, options, indexed).Run(stop);
}

}  // namespace orcio

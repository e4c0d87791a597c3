#include "index/rebuild/member_rebuild.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "base/threads/bounded_queue.h"
#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/gzip/gzip_member.h"
#include "index/members/member_source.h"
#include "index/rebuild/lost_spans.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {
namespace {

// What stands for the tar where it is lost: no block of it is a header, or zeros, which would end
// the tar.
constexpr std::byte kFiller{0xFF};
// So many are told of, as of what is odd in a tar.
constexpr size_t kMostDamages = 100;

// From an archive file to what its sidecar says:
//
//   reader --members, in order--> decoders --spans--> scanner (the caller's thread)
//
// Whatever is read and not yet scanned stands in one of a few slots.
class MemberRebuild : private TarSource {
 public:
  MemberRebuild(const RandomAccess& archive, MemberSource& source, std::string name,
                const RebuildOptions& options, IndexedArchive& indexed)
      : archive_(archive),
        source_(source),
        name_(std::move(name)),
        options_(options),
        indexed_(indexed),
        threads_(options.threads > 0 ? options.threads
                                     : std::max(1U, std::thread::hardware_concurrency())),
        to_decode_(size_t{threads_} * 2 + 4),
        spans_in_work_(size_t{threads_} * 2 + 4) {}

  Result<void> Run(const std::vector<std::string>& findings, const std::stop_token& stop);

 private:
  struct SpanInWork {
    Span span;
    bool lost = false;
    std::string damage;  // what decoding said
    std::vector<std::byte> member;
    std::vector<std::byte> tar;
  };
  struct Job {
    uint64_t index = 0;
    SpanInWork* work = nullptr;
  };

  Result<void> Read();
  Result<void> Decode();
  Result<void> Add(TarEntry&& entry);
  bool IsInDoubt(const TarEntry& entry);
  // For the scanner.
  Result<std::span<const std::byte>> Next() override;
  void Lose(const SpanInWork& work);
  Result<void> SumUp(const std::vector<std::string>& findings);

  const RandomAccess& archive_;
  MemberSource& source_;  // the reader's, until Run has joined it
  const std::string name_;
  const RebuildOptions& options_;
  IndexedArchive& indexed_;
  const unsigned threads_;
  BoundedQueue<Job> to_decode_;
  OrderedSlots<SpanInWork> spans_in_work_;

  // The scanner's.
  bool has_front_ = false;
  std::vector<DoubtfulStretch> lost_;
  std::vector<std::string> damages_;  // of what is lost, the first ones
  uint64_t damage_count_ = 0;
  uint64_t entry_end_ = 0;     // where what follows the last entry begins in the tar
  bool has_extended_ = false;  // entries with more than one header

  StageGroup stages_;
};

Result<void> MemberRebuild::Run(const std::vector<std::string>& findings,
                                const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [this] {
    stages_.Fail(Error{ErrorKind::kCancelled, 0, name_ + ": indexing was cancelled"});
  });
  stages_.Start([this] { return Read(); });
  for (unsigned i = 0; i < threads_; ++i) stages_.Start([this] { return Decode(); });
  auto scanned = ScanTar(*this, [&](TarEntry&& entry) { return Add(std::move(entry)); });
  if (!scanned) {
    Error error = std::move(scanned).error();
    // If members were lost, that is why there is no tar.
    error.message = error.kind == ErrorKind::kDamaged && !damages_.empty()
                        ? damages_.front() + "; not one entry can be read"
                        : name_ + ": " + error.message;
    stages_.Fail(std::move(error));  // if a stage failed, that one's error came first
  } else {
    indexed_.summary = std::move(*scanned);
  }
  stages_.Join();
  ORCIO_TRY(stages_.status());
  indexed_.sha256 = source_.Digest();
  return SumUp(findings);
}

Result<void> MemberRebuild::Read() {
  const auto stop = stages_.token();
  for (uint64_t index = 0;; ++index) {
    SpanInWork* work = spans_in_work_.Claim(index, stop);
    if (work == nullptr) return {};
    const auto place = ORCIO_TRY(source_.Next(work->member));
    if (!place) {
      spans_in_work_.End(index);
      to_decode_.Close();
      return {};
    }
    work->span = place->span;
    work->lost = place->lost;
    work->damage.clear();
    if (!to_decode_.Push({index, work}, stop)) return {};
  }
}

Result<void> MemberRebuild::Decode() {
  MemberDecoder decoder;
  while (const auto job = to_decode_.Pop(stages_.token())) {
    SpanInWork& work = *job->work;
    work.tar.resize(work.span.tar_bytes);
    if (!work.lost) {
      auto crc32 = decoder.Decode(work.member, work.tar,
                                  fmt::format("{} at offset {}", name_, work.span.archive_offset));
      work.lost = !crc32;
      if (crc32) {
        work.span.crc32 = *crc32;
      } else {
        work.damage = std::move(crc32).error().message;
      }
    }
    if (work.lost) std::ranges::fill(work.tar, kFiller);
    spans_in_work_.Fill(job->index);
  }
  return {};
}

Result<void> MemberRebuild::Add(TarEntry&& entry) {
  const bool in_doubt = IsInDoubt(entry);
  const uint64_t content_end = entry.extents.empty()
                                   ? entry.data_offset
                                   : entry.extents.back().tar_offset + entry.extents.back().length;
  entry_end_ = PaddedToBlock(content_end);
  return in_doubt ? Result<void>() : indexed_.builder.Add(std::move(entry));
}

// Headers that are partly lost may say anything.
bool MemberRebuild::IsInDoubt(const TarEntry& entry) {
  const bool extended = entry.data_offset - entry.header_offset > kTarBlockSize;
  has_extended_ = has_extended_ || extended;
  const auto next = std::partition_point(lost_.begin(), lost_.end(), [&](const auto& stretch) {
    return stretch.end <= entry.header_offset;
  });
  if (next != lost_.end() && next->begin < entry.data_offset) return true;
  // The first header after a stretch where headers were lost: those that extend it may have been
  // among them.
  const bool was_searched = next != lost_.begin() && std::prev(next)->end > entry_end_;
  return was_searched && (has_extended_ || entry_end_ == 0) && !extended;
}

Result<std::span<const std::byte>> MemberRebuild::Next() {
  if (std::exchange(has_front_, false)) spans_in_work_.Pop();
  const SpanInWork* work = spans_in_work_.Front(stages_.token());
  ORCIO_TRY(stages_.status());
  if (work == nullptr) return std::span<const std::byte>();
  has_front_ = true;
  indexed_.spans.push_back(work->span);
  if (work->lost) Lose(*work);
  if (options_.progress)
    options_.progress(work->span.archive_offset + work->span.archive_bytes, archive_.size());
  return std::span<const std::byte>(work->tar);
}

void MemberRebuild::Lose(const SpanInWork& work) {
  const Span& span = work.span;
  const uint64_t end = span.tar_offset + span.tar_bytes;
  const bool goes_on = !lost_.empty() && lost_.back().end == span.tar_offset;
  if (goes_on) {
    lost_.back().end = end;
  } else {
    lost_.push_back({span.tar_offset, end});
  }
  if (goes_on && work.damage.empty()) return;
  ++damage_count_;
  if (damages_.size() == kMostDamages) return;
  damages_.push_back(work.damage.empty() ? fmt::format("{} at offset {}: no member can be read",
                                                       name_, span.archive_offset)
                                         : work.damage);
}

Result<void> MemberRebuild::SumUp(const std::vector<std::string>& findings) {
  if (lost_.empty() && findings.empty()) return {};
  TarSummary& summary = indexed_.summary;
  summary.end_marker = false;
  summary.warning_count += findings.size() + damage_count_;
  summary.warnings.insert(summary.warnings.begin(), damages_.begin(), damages_.end());
  summary.warnings.insert(summary.warnings.begin(), findings.begin(), findings.end());
  if (lost_.empty()) return {};
  indexed_.starts.assign(indexed_.spans.size(), SpanStart{});
  return LoseSpans(archive_, name_, lost_, indexed_);
}

}  // namespace

Result<void> IndexMembers(const RandomAccess& archive, const std::string& name,
                          MemberSource& source, const std::vector<std::string>& findings,
                          const RebuildOptions& options, const std::stop_token& stop,
                          IndexedArchive& indexed) {
  return MemberRebuild(archive, source, name, options, indexed).Run(findings, stop);
}

}  // namespace orcio::inline index

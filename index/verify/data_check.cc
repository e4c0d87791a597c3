#include "index/verify/data_check.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>

#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/verify/file_digests.h"
#include "index/verify/tar_order.h"

namespace orcio::inline index {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
// Of decoding: more are no faster than one thread digests.
constexpr unsigned kMostThreads = 8;

// Decodes every span, in parallel, and digests every file:
//
//   decoders --spans, in order--> digests (the caller's thread);   archive digest, beside them
class DataCheck {
 public:
  DataCheck(const RandomAccess& archive, const ArchiveReader& reader, const VerifyOptions& options,
            DamageFindings& findings)
      : archive_(archive),
        reader_(reader),
        sidecar_(reader.sidecar()),
        options_(options),
        findings_(findings),
        threads_(options.threads > 0
                     ? options.threads
                     : std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads)),
        spans_(size_t{threads_} * 2 + 2) {}

  Result<VerifyCounts> Run(const std::stop_token& stop);

 private:
  struct Decoded {
    Span span;
    std::vector<Slice> slices;
    std::optional<Error> error;
  };

  Result<void> Decode();
  Result<void> DigestArchive();
  Result<void> Compare(const TarOrder& order);
  Result<void> CompareSpan(const Decoded& decoded, const TarOrder& order, FileDigests& digests);
  Result<void> EndLost(const TarOrder& order);

  const RandomAccess& archive_;
  const ArchiveReader& reader_;
  const Sidecar& sidecar_;
  const VerifyOptions& options_;
  DamageFindings& findings_;
  const unsigned threads_;
  OrderedSlots<Decoded> spans_;
  std::atomic<uint64_t> next_span_{0};
  std::optional<ArchiveDamage> lost_;  // spans one after another that cannot be read
  VerifyCounts counts_;
  Sha256Digest archive_digest_{};  // once its stage has been joined
  StageGroup stages_;
};

Result<VerifyCounts> DataCheck::Run(const std::stop_token& stop) {
  const TarOrder order = ORCIO_TRY(TarOrder::Of(sidecar_));
  const std::stop_callback cancel(stop, [this] {
    stages_.Fail(Error{ErrorKind::kCancelled, 0, findings_.name() + ": cancelled"});
  });
  spans_.End(sidecar_.span_count());
  for (unsigned i = 0; i < threads_; ++i) stages_.Start([this] { return Decode(); });
  stages_.Start([this] { return DigestArchive(); });
  if (auto compared = Compare(order); !compared) stages_.Fail(compared.error());
  stages_.Join();
  ORCIO_TRY(stages_.status());
  if (archive_digest_ != sidecar_.archive().sha256 && findings_.count() == 0) {
    ORCIO_TRY(findings_.Add({.message = findings_.name() +
                                        ": the file is not the one that was indexed, though all "
                                        "that is in it reads right"}));
  }
  return counts_;
}

Result<void> DataCheck::Decode() {
  const auto stop = stages_.token();
  for (;;) {
    const uint64_t index = next_span_.fetch_add(1);
    if (index >= sidecar_.span_count()) return {};
    Decoded* decoded = spans_.Claim(index, stop);
    if (decoded == nullptr) return {};
    decoded->span = ORCIO_TRY(sidecar_.SpanAt(index));
    decoded->error.reset();
    auto read = reader_.ReadTar(decoded->span.tar_offset, decoded->span.tar_bytes);
    if (read) {
      decoded->slices = std::move(*read);
    } else if (read.error().kind == ErrorKind::kDamaged || read.error().errnum == EIO) {
      decoded->error = std::move(read).error();
    } else {
      return Failure(std::move(read).error());
    }
    spans_.Fill(index);
  }
}

Result<void> DataCheck::DigestArchive() {
  Sha256 sha256;
  std::vector<std::byte> piece(kPieceBytes);
  for (uint64_t offset = 0; offset < archive_.size() && !stages_.token().stop_requested();) {
    const auto read = archive_.ReadAt(offset, piece);
    // If the disk cannot read, the spans say so.
    if (!read || *read == 0) return {};
    sha256.Update(std::span<const std::byte>(piece).first(*read));
    offset += *read;
  }
  archive_digest_ = sha256.Finish();
  return {};
}

Result<void> DataCheck::Compare(const TarOrder& order) {
  FileDigests digests(sidecar_, order, [&](NodeId file) -> Result<void> {
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(file));
    return findings_.Add(
        {.tar_offset = node.data_offset,
         .tar_bytes = node.size,
         .message = fmt::format("{}: a file's content is not what was archived", findings_.name())},
        sidecar_, {file});
  });
  while (const Decoded* decoded = spans_.Front(stages_.token())) {
    ORCIO_TRY(CompareSpan(*decoded, order, digests));
    if (options_.progress)
      options_.progress(decoded->span.tar_offset + decoded->span.tar_bytes, sidecar_.tar_bytes());
    spans_.Pop();
  }
  ORCIO_TRY(EndLost(order));
  ORCIO_TRY(digests.Finish());
  counts_.files = digests.compared();
  return {};
}

Result<void> DataCheck::CompareSpan(const Decoded& decoded, const TarOrder& order,
                                    FileDigests& digests) {
  const Span& span = decoded.span;
  if (!decoded.error) {
    ORCIO_TRY(EndLost(order));
    for (const Slice& slice : decoded.slices) ORCIO_TRY(digests.Take(slice.bytes));
    counts_.tar_bytes += span.tar_bytes;
    return {};
  }
  if (!lost_) {
    lost_ = ArchiveDamage{.archive_offset = span.archive_offset,
                          .tar_offset = span.tar_offset,
                          .message = decoded.error->message};
  }
  lost_->archive_bytes = span.archive_offset + span.archive_bytes - lost_->archive_offset;
  lost_->tar_bytes = span.tar_offset + span.tar_bytes - lost_->tar_offset;
  return digests.Lose(span.tar_bytes);
}

Result<void> DataCheck::EndLost(const TarOrder& order) {
  if (!lost_) return {};
  ArchiveDamage damage = std::move(*lost_);
  lost_.reset();
  const auto hit = ORCIO_TRY(order.Hit(damage.tar_offset, damage.tar_offset + damage.tar_bytes));
  return findings_.Add(std::move(damage), sidecar_, hit);
}

}  // namespace

Result<VerifyCounts> CheckData(const RandomAccess& archive, const ArchiveReader& reader,
                               const VerifyOptions& options, DamageFindings& findings,
                               const std::stop_token& stop) {
  return DataCheck(archive, reader, options, findings).Run(stop);
}

}  // namespace orcio::inline index

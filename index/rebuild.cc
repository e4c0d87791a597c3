#include "index/rebuild.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "index/bounded_queue.h"
#include "index/gzip_member.h"
#include "index/member_walk.h"
#include "index/ordered_slots.h"
#include "index/part_file.h"
#include "index/sidecar_builder.h"
#include "index/stage_group.h"
#include "index/tar_scanner.h"

namespace orcio {
namespace {

// From an archive file to what its sidecar says:
//
//   reader --members, in order--> decoders --spans--> scanner (the caller's thread)
//
// Whatever is read and not yet scanned stands in one of a few slots.
class Rebuild : private TarSource {
 public:
  Rebuild(const RandomAccess& archive, MemberWalk walk, std::string name,
          const RebuildOptions& options)
      : archive_(archive),
        walk_(std::move(walk)),
        name_(std::move(name)),
        options_(options),
        threads_(options.threads > 0 ? options.threads
                                     : std::max(1U, std::thread::hardware_concurrency())),
        to_decode_(size_t{threads_} * 2 + 4),
        spans_in_work_(size_t{threads_} * 2 + 4) {}

  Result<void> Run(const std::stop_token& stop);
  Result<void> Write(WritableFile& sidecar);

 private:
  struct SpanInWork {
    Span span;
    std::vector<std::byte> member;
    std::vector<std::byte> tar;
  };
  struct Job {
    uint64_t index = 0;
    SpanInWork* work = nullptr;
  };

  Result<void> Read();
  Result<void> Decode();
  // For the scanner.
  Result<std::span<const std::byte>> Next() override;

  const RandomAccess& archive_;
  MemberWalk walk_;  // the reader's, until Run has joined it
  const std::string name_;
  const RebuildOptions& options_;
  const unsigned threads_;
  BoundedQueue<Job> to_decode_;
  OrderedSlots<SpanInWork> spans_in_work_;

  // The scanner's.
  bool has_front_ = false;
  std::vector<Span> spans_;
  SidecarBuilder builder_;
  TarSummary summary_;

  StageGroup stages_;
};

Result<void> Rebuild::Run(const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [this] {
    stages_.Fail(Error{ErrorKind::kCancelled, 0, name_ + ": indexing was cancelled"});
  });
  stages_.Start([this] { return Read(); });
  for (unsigned i = 0; i < threads_; ++i) stages_.Start([this] { return Decode(); });
  auto scanned = ScanTar(*this, [&](TarEntry&& entry) { return builder_.Add(std::move(entry)); });
  if (!scanned) {
    Error error = std::move(scanned).error();
    error.message = name_ + ": " + error.message;
    stages_.Fail(std::move(error));  // where a stage failed, that one's error came first
  } else {
    summary_ = std::move(*scanned);
  }
  stages_.Join();
  return stages_.status();
}

Result<void> Rebuild::Read() {
  const auto stop = stages_.token();
  for (uint64_t index = 0;; ++index) {
    SpanInWork* work = spans_in_work_.Claim(index, stop);
    if (work == nullptr) return {};
    const auto place = ORCIO_TRY(walk_.Next(work->member));
    if (!place) {
      spans_in_work_.End(index);
      to_decode_.Close();
      return {};
    }
    work->span = {place->tar_offset, place->header.tar_bytes, place->archive_offset,
                  place->header.member_bytes, 0};
    if (!to_decode_.Push({index, work}, stop)) return {};
  }
}

Result<void> Rebuild::Decode() {
  MemberDecoder decoder;
  while (const auto job = to_decode_.Pop(stages_.token())) {
    SpanInWork& work = *job->work;
    work.tar.resize(work.span.tar_bytes);
    work.span.crc32 = ORCIO_TRY(decoder.Decode(
        work.member, work.tar, fmt::format("{} at offset {}", name_, work.span.archive_offset)));
    spans_in_work_.Fill(job->index);
  }
  return {};
}

Result<std::span<const std::byte>> Rebuild::Next() {
  if (std::exchange(has_front_, false)) spans_in_work_.Pop();
  const SpanInWork* work = spans_in_work_.Front(stages_.token());
  ORCIO_TRY(stages_.status());
  if (work == nullptr) return std::span<const std::byte>();
  has_front_ = true;
  spans_.push_back(work->span);
  if (options_.progress)
    options_.progress(work->span.archive_offset + work->span.archive_bytes, archive_.size());
  return std::span<const std::byte>(work->tar);
}

Result<void> Rebuild::Write(WritableFile& sidecar) {
  ArchiveIdentity identity;
  identity.bytes = archive_.size();
  identity.sha256 = walk_.Digest();
  identity.edges_sha256 = ORCIO_TRY(DigestEdges(archive_));
  return builder_.Write(sidecar, identity, spans_, summary_, RebuiltFacts());
}

constexpr int kMostParts = 100;

// A part file that nobody else writes to: two rebuilds of one sidecar may run at a time, and one
// that was killed leaves its own behind.
Result<PartFile> CreatePart(const FileSystem& files, const std::filesystem::path& sidecar) {
  const auto directory = sidecar.parent_path();
  const std::string name = "." + sidecar.filename().string();
  for (int i = 1;; ++i) {
    const std::string number = i == 1 ? "" : fmt::format(".{}", i);
    auto part = PartFile::Create(files, directory / fmt::format("{}{}.part", name, number));
    if (part || part.error().errnum != EEXIST || i == kMostParts) return part;
  }
}

}  // namespace

RunFacts RebuiltFacts() {
  RunFacts facts;
  facts.tools["orcio"] = ORCIO_VERSION;
  return facts;
}

Result<void> RebuildSidecar(const FileSystem& files, const std::filesystem::path& archive,
                            const std::filesystem::path& sidecar, const RebuildOptions& options,
                            const std::stop_token& stop) {
  const auto file = ORCIO_TRY(files.OpenRead(archive));
  Rebuild rebuild(*file, ORCIO_TRY(MemberWalk::Begin(*file, archive.string())), archive.string(),
                  options);
  ORCIO_TRY(rebuild.Run(stop));
  auto part = ORCIO_TRY(CreatePart(files, sidecar));
  ORCIO_TRY(rebuild.Write(part.file()));
  ORCIO_TRY(part.file().Sync());
  ORCIO_TRY(part.MoveOnto(sidecar));
  part.Keep();
  const auto directory = sidecar.parent_path();
  return files.SyncDirectory(directory.empty() ? "." : directory);
}

}  // namespace orcio

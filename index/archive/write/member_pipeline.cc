#include "index/archive/write/member_pipeline.h"

#include <algorithm>
#include <utility>

#include "index/gzip/gzip_member.h"

namespace orcio::inline index {
namespace {

size_t BlocksIn(uint64_t bytes) {
  // Two, so that one can be filled while the other is read.
  return static_cast<size_t>(std::max<uint64_t>(2, bytes / kMemberTarBytes));
}

Failure Stopped() {
  return Fail(ErrorKind::kCancelled, "asked to stop");
}

}  // namespace

// The blocks as the scanner wants them.
class MemberPipeline::BlockSource : public TarSource {
 public:
  BlockSource(BoundedQueue<Block>& blocks, std::stop_token stop)
      : blocks_(blocks), stop_(std::move(stop)) {}

  Result<std::span<const std::byte>> Next() override {
    block_.reset();  // before waiting: the next one may need its room
    auto next = blocks_.Pop(stop_);
    if (!next) {
      if (stop_.stop_requested()) return Stopped();
      return std::span<const std::byte>();
    }
    block_ = std::move(*next);
    return std::span<const std::byte>(block_->bytes.get(), block_->size);
  }

 private:
  BoundedQueue<Block>& blocks_;
  const std::stop_token stop_;
  Block block_;
};

MemberPipeline::MemberPipeline(WritableFile& archive, std::string name, unsigned threads,
                               uint64_t max_bytes_in_flight,
                               const std::filesystem::path& scratch_directory,
                               std::function<Result<void>(const TarEntry&)> entry)
    : name_(std::move(name)),
      entry_(std::move(entry)),
      archive_(archive),
      pool_(BlocksIn(max_bytes_in_flight)),
      to_compress_(BlocksIn(max_bytes_in_flight)),
      to_scan_(BlocksIn(max_bytes_in_flight)),
      // One each thread works on, and one each that waits for its turn or for the disk.
      members_(size_t{threads} * 2 + 4),
      builder_(scratch_directory) {
  stages_.Start([this] { return Write(); });
  stages_.Start([this] { return Scan(); });
  for (unsigned i = 0; i < threads; ++i) stages_.Start([this] { return Compress(); });
}

Result<std::span<std::byte>> MemberPipeline::Buffer() {
  ORCIO_TRY(stages_.status());
  if (block_ == nullptr) {
    block_ = pool_.Take(stages_.token());
    if (block_ == nullptr) return WhyStopped();
  }
  return std::span(block_->bytes.get() + block_->size, kMemberTarBytes - block_->size);
}

Result<void> MemberPipeline::Commit(size_t bytes) {
  if (bytes == 0) return stages_.status();
  if (block_ == nullptr || bytes > kMemberTarBytes - block_->size)
    return Fail(ErrorKind::kInvalid, "{}: {} bytes committed into a smaller buffer", name_, bytes);
  block_->size += bytes;
  if (block_->size == kMemberTarBytes) return Dispatch();
  return stages_.status();
}

Result<void> MemberPipeline::Dispatch() {
  const Block block = std::move(block_);
  const auto stop = stages_.token();
  const bool sent = to_compress_.Push({dispatched_, block}, stop) && to_scan_.Push(block, stop);
  if (!sent) return WhyStopped();
  ++dispatched_;
  return {};
}

Result<void> MemberPipeline::Compress() {
  const auto stop = stages_.token();
  MemberEncoder encoder;
  while (auto job = to_compress_.Pop(stop)) {
    Member* member = members_.Claim(job->index, stop);
    if (member == nullptr) break;
    const std::span<const std::byte> tar(job->block->bytes.get(), job->block->size);
    member->crc32 = encoder.Encode(tar, member->bytes).crc32;
    member->tar_bytes = static_cast<uint32_t>(tar.size());
    members_.Fill(job->index);
  }
  return {};
}

Result<void> MemberPipeline::Scan() {
  BlockSource source(to_scan_, stages_.token());
  const auto take = [&](TarEntry&& entry) -> Result<void> {
    if (entry_) ORCIO_TRY(entry_(entry));
    return builder_.Add(std::move(entry));
  };
  auto scanned = ScanTar(source, take, {.stop_at_damage = true});
  if (!scanned) {
    Error error = std::move(scanned).error();
    error.message = name_ + ": " + error.message;
    return Failure(std::move(error));
  }
  summary_ = std::move(*scanned);
  return {};
}

Result<void> MemberPipeline::Write() {
  const auto stop = stages_.token();
  uint64_t tar_offset = 0;
  while (const Member* member = members_.Front(stop)) {
    ORCIO_TRY(archive_.Append(member->bytes));
    archive_digest_.Update(member->bytes);
    spans_.push_back({tar_offset, member->tar_bytes, archive_bytes_,
                      static_cast<uint32_t>(member->bytes.size()), member->crc32});
    tar_offset += member->tar_bytes;
    archive_bytes_ += member->bytes.size();
    members_.Pop();
  }
  return {};
}

Failure MemberPipeline::WhyStopped() const {
  if (auto status = stages_.status(); !status) return Failure(std::move(status).error());
  return Fail(ErrorKind::kInvalid, "{}: bytes for an archive that is finished", name_);
}

Result<void> MemberPipeline::Finish() {
  ORCIO_TRY(stages_.status());
  if (block_ != nullptr && block_->size > 0) ORCIO_TRY(Dispatch());
  block_.reset();
  to_compress_.Close();
  to_scan_.Close();
  members_.End(dispatched_);
  stages_.Join();
  ORCIO_TRY(stages_.status());
  auto ended = AppendEndMember();
  if (!ended) stages_.Fail(ended.error());
  return ended;
}

Result<void> MemberPipeline::AppendEndMember() {
  ORCIO_TRY(CheckWhole());
  const auto member = EncodeEndMember(summary_.tar_bytes);
  ORCIO_TRY(archive_.Append(member));
  archive_digest_.Update(member);
  archive_bytes_ += member.size();
  sha256_ = archive_digest_.Finish();
  return {};
}

Result<void> MemberPipeline::CheckWhole() const {
  if (summary_.whole()) return {};
  if (summary_.damage) {
    return Fail(ErrorKind::kDamaged, "{}: {}; make the archive again", name_,
                summary_.damage->message);
  }
  return Fail(ErrorKind::kDamaged,
              "{}: the tar was cut short: it ends after {} bytes, at entry {}, without an "
              "end-of-archive marker; its last whole entry ends at offset {}; make the archive "
              "again",
              name_, summary_.tar_bytes, summary_.entries, summary_.end_of_entries);
}

}  // namespace orcio::inline index

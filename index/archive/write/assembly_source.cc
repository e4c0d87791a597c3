#include <algorithm>

#include "index/archive/write/archive_assembler.h"

namespace orcio::inline index {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

}  // namespace

Result<std::unique_ptr<AssemblySource>> AssemblySource::Open(
    const FileSystem& files, const std::filesystem::path& archive,
    std::shared_ptr<const Sidecar> sidecar) {
  auto file = ORCIO_TRY(files.OpenRead(archive));
  ORCIO_TRY(sidecar->CheckBelongsTo(*file));
  std::vector<std::byte> header(kMaxMemberHeaderBytes);
  header.resize(ORCIO_TRY(file->ReadAt(0, header)));
  const auto parsed = ParseMemberHeader(header);
  if (!parsed) return Failure(parsed.error());
  return std::unique_ptr<AssemblySource>(
      new AssemblySource(archive, std::move(file), std::move(sidecar)));
}

Result<std::span<const std::byte>> AssemblySource::Member(const Span& span) {
  if (member_offset_ == span.archive_offset) return std::span<const std::byte>(member_);
  if (span.archive_bytes > kMaxMemberBytes)
    return Fail(ErrorKind::kInvalid, "{}: no member of orcio's is so long", path_.string());
  const bool again = span.archive_offset < digested_;
  if (!again) ORCIO_TRY(DigestUpTo(span.archive_offset));
  member_offset_ = UINT64_MAX;
  member_.resize(span.archive_bytes);
  ORCIO_TRY(ReadExactly(*file_, span.archive_offset, member_, path_.string()));
  member_offset_ = span.archive_offset;
  // Bytes that were digested before may read otherwise now.
  if (again) {
    tar_offset_ = UINT64_MAX;
    ORCIO_TRY(Tar(span));
  } else {
    sha256_.Update(member_);
    digested_ += member_.size();
  }
  return std::span<const std::byte>(member_);
}

Result<std::span<const std::byte>> AssemblySource::Tar(const Span& span) {
  if (tar_offset_ == span.tar_offset) return std::span<const std::byte>(tar_);
  if (span.tar_bytes > kMaxMemberTarBytes)
    return Fail(ErrorKind::kInvalid, "{}: no member of orcio's is so long", path_.string());
  const auto member = ORCIO_TRY(Member(span));
  tar_offset_ = UINT64_MAX;
  tar_.resize(span.tar_bytes);
  const uint32_t crc32 = ORCIO_TRY(decoder_.Decode(
      member, tar_, fmt::format("{} at offset {}", path_.string(), span.archive_offset)));
  if (crc32 != span.crc32)
    return Fail(ErrorKind::kDamaged, "{} at offset {}: the sidecar has another checksum",
                path_.string(), span.archive_offset);
  tar_offset_ = span.tar_offset;
  return std::span<const std::byte>(tar_);
}

Result<void> AssemblySource::DigestUpTo(uint64_t archive_offset) {
  std::vector<std::byte> buffer;
  while (digested_ < archive_offset) {
    buffer.resize(static_cast<size_t>(std::min<uint64_t>(kReadBytes, archive_offset - digested_)));
    ORCIO_TRY(ReadExactly(*file_, digested_, buffer, path_.string()));
    sha256_.Update(buffer);
    digested_ += buffer.size();
  }
  return {};
}

Result<void> AssemblySource::Finish() {
  ORCIO_TRY(DigestUpTo(file_->size()));
  if (sha256_.Finish() == sidecar_->archive().sha256) return {};
  return Fail(ErrorKind::kDamaged,
              "{} is not what it was when it was made: look at it with `orcio verify --read-data`",
              path_.string());
}

}  // namespace orcio::inline index

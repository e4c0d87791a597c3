#include "index/upkeep/repack.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "index/archive/read/archive_reader.h"
#include "index/archive/write/archive_writer.h"
#include "index/gzip/gzip_member.h"
#include "index/members/member_walk.h"
#include "index/rebuild/rebuild.h"
#include "index/repository/archive_name.h"
#include "index/sidecar/index_log_path.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_ending.h"
#include "index/tar/other_compression.h"
#include "index/tar/tar_source.h"
#include "index/verify/verification.h"

namespace orcio::inline index {
namespace {

constexpr size_t kSliceBytes = size_t{1} << 20;
constexpr uint64_t kCacheBytes = uint64_t{32} << 20;

// A file as it is.
class PlainTar : public TarSource {
 public:
  explicit PlainTar(const RandomAccess& file) : file_(file) {}
  Result<std::span<const std::byte>> Next() override {
    const size_t read = ORCIO_TRY(file_.ReadAt(offset_, piece_));
    offset_ += read;
    return std::span<const std::byte>(piece_).first(read);
  }

 private:
  const RandomAccess& file_;
  uint64_t offset_ = 0;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kSliceBytes);
};

// The tar of an archive that has a sidecar, every byte of it checked.
class IndexedTar : public TarSource {
 public:
  explicit IndexedTar(std::unique_ptr<ArchiveReader> reader, std::unique_ptr<SpanCache> cache)
      : cache_(std::move(cache)), reader_(std::move(reader)) {}
  Result<std::span<const std::byte>> Next() override {
    if (next_ == slices_.size()) {
      next_ = 0;
      slices_ = ORCIO_TRY(reader_->ReadTar(offset_, kSliceBytes));
      if (slices_.empty()) return std::span<const std::byte>();
    }
    const auto bytes = slices_[next_++].bytes;
    offset_ += bytes.size();
    return bytes;
  }
  [[nodiscard]] const Sidecar& sidecar() const { return reader_->sidecar(); }

 private:
  std::unique_ptr<SpanCache> cache_;
  std::unique_ptr<ArchiveReader> reader_;
  uint64_t offset_ = 0;
  std::vector<Slice> slices_;
  size_t next_ = 0;
};

class Repack {
 public:
  Repack(const FileSystem& files, const std::filesystem::path& archive,
         const std::filesystem::path& sidecar, const RepackOptions& options,
         const std::stop_token& stop)
      : files_(files),
        archive_(archive),
        directory_(archive.parent_path().empty() ? "." : archive.parent_path()),
        sidecar_(sidecar),
        options_(options),
        stop_(stop) {}

  Result<Repacked> Run();

 private:
  Result<void> CheckFree(const std::filesystem::path& path) const;
  Result<std::unique_ptr<TarSource>> OpenTar(std::string_view compression);
  Result<std::unique_ptr<TarSource>> OpenGzip();
  Result<void> Copy(TarSource& tar, ArchiveWriter& writer);
  Result<void> Prove(const std::filesystem::path& written);
  Result<void> CheckUnchanged();
  Result<void> RemoveOriginal();
  void Tell(RepackStep step, uint64_t done_bytes, uint64_t total_bytes) const {
    if (options_.progress) options_.progress(step, done_bytes, total_bytes);
  }
  Result<void> CheckStop() const {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "{}: cancelled", archive_.string());
    return {};
  }

  const FileSystem& files_;
  const std::filesystem::path archive_;
  const std::filesystem::path directory_;
  const std::filesystem::path sidecar_;
  const RepackOptions& options_;
  const std::stop_token& stop_;
  std::unique_ptr<RandomAccess> file_;
  FileStatus status_;
  uint64_t total_bytes_ = 0;  // of the tar; 0 if nobody knows before it is read
  RunFacts facts_ = RebuiltFacts();
  Repacked result_;
};

Result<Repacked> Repack::Run() {
  status_ = ORCIO_TRY(files_.Status(archive_));
  file_ = ORCIO_TRY(files_.OpenRead(archive_));
  result_.archive = archive_;
  result_.bytes_before = result_.bytes_after = file_->size();
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const auto head = std::span<const std::byte>(bytes).first(ORCIO_TRY(file_->ReadAt(0, bytes)));
  if (ParseMemberHeader(head)) {
    result_.was_ours = true;
    return result_;
  }
  const auto name = RepackedName(archive_.filename().string(), status_.mtime_ns / 1'000'000'000);
  if (!name) return Fail(ErrorKind::kInvalid, "{}: its name is no archive's", archive_.string());
  const bool same_name = *name == archive_.filename();
  if (!same_name) ORCIO_TRY(CheckFree(directory_ / *name));
  const auto part = directory_ / ("." + *name + ".part");
  // What an interrupted run left behind: the caller has the lock.
  ORCIO_TRY(files_.Remove(part));
  ORCIO_TRY(files_.Remove(directory_ / ("." + SidecarNameOf(*name) + ".part")));
  // Its sidecar, published before the archive would have been.
  if (!same_name) ORCIO_TRY(files_.Remove(directory_ / SidecarNameOf(*name)));

  const auto tar = ORCIO_TRY(OpenTar(CompressionOf(head)));
  const auto writer =
      ORCIO_TRY(ArchiveWriter::Create(files_, directory_, *name, {.threads = options_.threads}));
  ORCIO_TRY(Copy(*tar, *writer));
  ORCIO_TRY(writer->Finish());
  ORCIO_TRY(writer->Describe(facts_));
  result_.bytes_after = writer->archive_bytes();
  ORCIO_TRY(writer->Sync());
  ORCIO_TRY(Prove(part));
  ORCIO_TRY(CheckUnchanged());
  ORCIO_TRY(same_name ? writer->PublishOver() : writer->Publish());
  result_.archive = directory_ / *name;
  if (!same_name) ORCIO_TRY(RemoveOriginal());
  return result_;
}

// What the archive would become must not be there.
Result<void> Repack::CheckFree(const std::filesystem::path& path) const {
  const auto status = files_.Status(path);
  if (!status && ToErrno(status.error()) == ENOENT) return {};
  if (!status) return Failure(status.error());
  return Fail(ErrorKind::kInvalid, "{}: it would become {}, which is there already",
              archive_.string(), path.filename().string());
}

Result<std::unique_ptr<TarSource>> Repack::OpenTar(std::string_view compression) {
  if (compression.empty()) {
    total_bytes_ = file_->size();
    return std::unique_ptr<TarSource>(new PlainTar(*file_));
  }
  if (compression != "gzip") return OpenOtherCompression(*file_, archive_.string());
  return OpenGzip();
}

// Through its sidecar, which is made if it is missing or not the archive's: so every byte is
// checked, twice if need be.
Result<std::unique_ptr<TarSource>> Repack::OpenGzip() {
  auto sidecar = Sidecar::OpenFor(files_, sidecar_, *file_);
  if (!sidecar) {
    RebuildOptions rebuild;
    rebuild.threads = options_.threads;
    rebuild.progress = [this](uint64_t done, uint64_t total) {
      Tell(RepackStep::kIndexing, done, total);
    };
    ORCIO_TRY(RebuildSidecar(files_, archive_, sidecar_, rebuild, stop_));
    sidecar = Sidecar::Open(files_, sidecar_);
  }
  if (!sidecar) return Failure(sidecar.error());
  if (!(*sidecar)->complete()) {
    return Fail(ErrorKind::kDamaged, "{}: its tar is not whole; it is left as it is",
                archive_.string());
  }
  total_bytes_ = (*sidecar)->tar_bytes();
  facts_ = ORCIO_TRY((*sidecar)->facts());
  for (const auto& [tool, version] : RebuiltFacts().tools) facts_.tools[tool] = version;
  auto cache = std::make_unique<SpanCache>(kCacheBytes);
  auto reader = ORCIO_TRY(ArchiveReader::Open(files_, archive_, std::move(*sidecar), *cache));
  return std::unique_ptr<TarSource>(new IndexedTar(std::move(reader), std::move(cache)));
}

Result<void> Repack::Copy(TarSource& tar, ArchiveWriter& writer) {
  Sha256 sha256;
  for (;;) {
    ORCIO_TRY(CheckStop());
    auto piece = ORCIO_TRY(tar.Next());
    if (piece.empty()) break;
    sha256.Update(piece);
    result_.tar_bytes += piece.size();
    while (!piece.empty()) {
      const auto room = ORCIO_TRY(writer.Buffer());
      const size_t size = std::min(room.size(), piece.size());
      std::copy_n(piece.begin(), size, room.begin());
      ORCIO_TRY(writer.Commit(size));
      piece = piece.subspan(size);
    }
    Tell(RepackStep::kCopying, result_.tar_bytes, total_bytes_);
  }
  result_.tar_sha256 = sha256.Finish();
  return {};
}

// Reads back what was written.
Result<void> Repack::Prove(const std::filesystem::path& written) {
  const auto file = ORCIO_TRY(files_.OpenRead(written));
  auto walk = ORCIO_TRY(MemberWalk::Begin(*file, written.string()));
  MemberDecoder decoder;
  Sha256 sha256;
  uint64_t tar_bytes = 0;
  std::vector<std::byte> member;
  std::vector<std::byte> tar;
  while (const auto place = ORCIO_TRY(walk.Next(member))) {
    ORCIO_TRY(CheckStop());
    tar.resize(place->span.tar_bytes);
    ORCIO_TRY(decoder.Decode(member, tar, written.string()));
    sha256.Update(tar);
    tar_bytes += tar.size();
    Tell(RepackStep::kProving, tar_bytes, result_.tar_bytes);
  }
  if (tar_bytes == result_.tar_bytes && sha256.Finish() == result_.tar_sha256) return {};
  return Fail(ErrorKind::kDamaged,
              "{}: what was written reads back as another tar; the original is left as it is",
              archive_.string());
}

Result<void> Repack::CheckUnchanged() {
  const FileStatus now = ORCIO_TRY(files_.Status(archive_));
  if (now.size == status_.size && now.mtime_ns == status_.mtime_ns && now.inode == status_.inode &&
      now.device == status_.device) {
    return {};
  }
  return Fail(ErrorKind::kInvalid, "{}: it was changed meanwhile, and is left as it is",
              archive_.string());
}

Result<void> Repack::RemoveOriginal() {
  ORCIO_TRY(files_.Remove(archive_));
  ORCIO_TRY(files_.Remove(sidecar_));
  ORCIO_TRY(files_.Remove(IndexLogPath(sidecar_)));
  ORCIO_TRY(files_.Remove(VerificationPath(sidecar_)));
  return files_.SyncDirectory(directory_);
}

}  // namespace

std::optional<std::string> RepackedName(std::string_view file_name, int64_t mtime_seconds) {
  constexpr std::array<std::string_view, 15> kOtherEndings{
      ".tar.xz",  ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2",     ".tbz", ".tb2",
      ".tar.lz4", ".tlz", ".tar.lz",  ".taz",  ".tar.Z",   ".tar.lzma", ".tZ"};
  std::string name(file_name);
  for (const std::string_view ending : kOtherEndings) {
    if (!name.ends_with(ending)) continue;
    name.replace(name.size() - ending.size(), ending.size(), ".tar.gz");
    break;
  }
  const auto parsed = ParseArchiveName(name, mtime_seconds);
  if (!parsed) return std::nullopt;
  std::string repacked = parsed->service + "-" + parsed->date + ".tar.gz";
  // It must be listed as before.
  const auto again = ParseArchiveName(repacked, 0);
  if (!again || again->service != parsed->service || again->date != parsed->date)
    return std::nullopt;
  return repacked;
}

Result<Repacked> RepackArchive(const FileSystem& files, const std::filesystem::path& archive,
                               const std::filesystem::path& sidecar, const RepackOptions& options,
                               const std::stop_token& stop) {
  return Repack(files, archive, sidecar, options, stop).Run();
}

}  // namespace orcio::inline index

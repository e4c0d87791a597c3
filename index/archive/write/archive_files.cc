#include "index/archive/write/archive_files.h"

#include "index/sidecar/sidecar_ending.h"

namespace orcio::inline index {
namespace {

std::filesystem::path PartPath(const std::filesystem::path& directory, const std::string& name) {
  return directory / ("." + name + ".part");
}

}  // namespace

Result<ArchiveFiles> ArchiveFiles::Create(const FileSystem& files,
                                          const std::filesystem::path& directory,
                                          std::string name) {
  auto part = ORCIO_TRY(PartFile::Create(files, PartPath(directory, name)));
  return ArchiveFiles(files, directory, std::move(name), std::move(part));
}

Result<void> ArchiveFiles::Describe(SidecarBuilder& builder, uint64_t archive_bytes,
                                    const Sha256Digest& sha256, std::span<const Span> spans,
                                    const TarSummary& tar, const RunFacts& facts) {
  if (sidecar_) return Fail(ErrorKind::kInvalid, "{}: described twice", name_);
  ArchiveIdentity identity;
  identity.bytes = archive_bytes;
  identity.sha256 = sha256;
  const auto written = ORCIO_TRY(files_.OpenRead(archive_.path()));
  identity.edges_sha256 = ORCIO_TRY(DigestEdges(*written));
  auto sidecar = ORCIO_TRY(PartFile::Create(files_, PartPath(directory_, SidecarNameOf(name_))));
  ORCIO_TRY(builder.Write(sidecar.file(), identity, spans, tar, facts));
  sidecar_.emplace(std::move(sidecar));
  return {};
}

Result<void> ArchiveFiles::Sync() {
  if (!sidecar_) return Fail(ErrorKind::kInvalid, "{}: published before it is described", name_);
  ORCIO_TRY(archive_.file().Sync());
  return sidecar_->file().Sync();
}

Result<void> ArchiveFiles::Publish(bool over) {
  ORCIO_TRY(Sync());
  auto named = GiveFinalNames(over);
  // What stands in the place of another archive is the only one there is.
  const bool replaced = over && archive_.path() == directory_ / name_;
  if (!named && !replaced) {
    archive_.Discard();
    sidecar_->Discard();
    return named;
  }
  archive_.Keep();
  sidecar_->Keep();
  return named;
}

// The sidecar first: whoever sees the archive finds its sidecar, too.
Result<void> ArchiveFiles::GiveFinalNames(bool over) {
  const auto sidecar_name = directory_ / SidecarNameOf(name_);
  const auto archive_name = directory_ / name_;
  ORCIO_TRY(over ? sidecar_->MoveOnto(sidecar_name) : sidecar_->MoveTo(sidecar_name));
  ORCIO_TRY(over ? archive_.MoveOnto(archive_name) : archive_.MoveTo(archive_name));
  return files_.SyncDirectory(directory_);
}

}  // namespace orcio::inline index

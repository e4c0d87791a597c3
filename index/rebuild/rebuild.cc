#include "index/rebuild/rebuild.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "index/files/part_file.h"
#include "index/gzip/gzip_member.h"
#include "index/members/member_salvage.h"
#include "index/members/member_search.h"
#include "index/members/member_walk.h"
#include "index/rebuild/foreign_rebuild.h"
#include "index/rebuild/index_log.h"
#include "index/rebuild/member_rebuild.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline index {
namespace {

Result<void> Write(const RandomAccess& archive, IndexedArchive& indexed, const RunFacts& facts,
                   WritableFile& sidecar) {
  ArchiveIdentity identity;
  identity.bytes = archive.size();
  identity.sha256 = indexed.sha256;
  identity.edges_sha256 = ORCIO_TRY(DigestEdges(archive));
  const SpanStarts starts{indexed.starts, indexed.windows};
  return indexed.builder.Write(sidecar, identity, indexed.spans, indexed.summary, facts,
                               indexed.starts.empty() ? nullptr : &starts);
}

using Indexed = std::unique_ptr<IndexedArchive>;

// One archive's way from whatever it is to what its sidecar says.
class Rebuild {
 public:
  Rebuild(const FileSystem& files, const RandomAccess& archive, std::string name,
          const std::filesystem::path& sidecar, const RebuildOptions& options,
          const std::stop_token& stop, IndexLog* log = nullptr)
      : files_(files),
        archive_(archive),
        name_(std::move(name)),
        sidecar_(sidecar),
        options_(options),
        stop_(stop),
        log_(log) {}

  Result<Indexed> Run() const {
    const bool ours = ORCIO_TRY(HasOurMembers(archive_));
    if (ours) {
      auto indexed = FromChain();
      // A member in the middle that is no member of ours is damage.
      if (indexed || (indexed.error().kind != ErrorKind::kDamaged &&
                      indexed.error().kind != ErrorKind::kUnsupported)) {
        return indexed;
      }
    }
    bool something_is_left = ours;
    if (!ours) something_is_left = ORCIO_TRY(EndsInEndMember(archive_));
    if (something_is_left) {
      auto indexed = FromWhatIsLeft();
      if (indexed || ours || indexed.error().kind != ErrorKind::kDamaged) return indexed;
    }
    return FromForeign();
  }

 private:
  [[nodiscard]] Indexed New() const { return std::make_unique<IndexedArchive>(files_, sidecar_); }

  Result<Indexed> FromChain() const {
    auto indexed = New();
    auto walk = ORCIO_TRY(MemberWalk::Begin(archive_, name_));
    ORCIO_TRY(IndexMembers(archive_, name_, walk, {}, options_, stop_, *indexed));
    return indexed;
  }
  Result<Indexed> FromWhatIsLeft() const {
    auto indexed = New();
    auto salvage = ORCIO_TRY(MemberSalvage::Plan(archive_, name_, stop_));
    ORCIO_TRY(
        IndexMembers(archive_, name_, salvage, salvage.findings(), options_, stop_, *indexed));
    return indexed;
  }

  Result<Indexed> FromForeign() const {
    const bool is_gzip = ORCIO_TRY(BeginsLikeGzip(archive_));
    auto indexed = New();
    std::optional<ResumedIndex> resumed;
    if (log_ != nullptr && archive_.size() > 0) {
      resumed = ORCIO_TRY(log_->TakeUp(archive_, is_gzip, stop_, *indexed));
      if (!resumed) indexed = New();
    }
    const ForeignResume resume{log_, resumed ? &*resumed : nullptr};
    ORCIO_TRY(IndexForeign(archive_, name_, options_, stop_, *indexed, resume));
    return indexed;
  }

  const FileSystem& files_;
  const RandomAccess& archive_;
  const std::string name_;
  const std::filesystem::path& sidecar_;
  const RebuildOptions& options_;
  const std::stop_token& stop_;
  IndexLog* const log_;
};

// Says what to do if the disk has no room for what indexing writes beside the sidecar to be.
Error WithAdvice(const std::filesystem::path& archive, Error error) {
  if (!IsDiskFull(error)) return error;
  error.message = fmt::format(
      "{}: its index cannot be made: {}; free space there, or name another directory for indexes "
      "with --index-dir",
      archive.string(), error.message);
  return error;
}

// The sidecar to be. Says what to do if nothing can be written in its place.
Result<PartFile> CreatePart(const FileSystem& files, const std::filesystem::path& archive,
                            const std::filesystem::path& sidecar) {
  auto part = PartFile::CreateBeside(files, sidecar);
  if (part) return part;
  Error error = std::move(part).error();
  if (IsDiskFull(error)) return Failure(WithAdvice(archive, std::move(error)));
  error.message = fmt::format("{}: its index cannot be made: {}", archive.string(), error.message);
  if (IsPermissionDenied(error) || error.errnum == EROFS)
    error.message += "; name a directory for indexes with --index-dir";
  return Failure(std::move(error));
}

// Whether to go on with what was found would only lead there again.
bool IsFinal(const Error& error) {
  return error.kind != ErrorKind::kCancelled && error.kind != ErrorKind::kIo;
}

}  // namespace

Result<bool> HasOurMembers(const RandomAccess& archive) {
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const size_t got = ORCIO_TRY(archive.ReadAt(0, bytes));
  return ParseMemberHeader(std::span(bytes).first(got)).has_value();
}

RunFacts RebuiltFacts() {
  RunFacts facts;
  facts.tools["orcio"] = ORCIO_VERSION;
  return facts;
}

std::optional<RunFacts> KeptFacts(const FileSystem& files, const std::filesystem::path& archive,
                                  const std::filesystem::path& sidecar) {
  const auto file = files.OpenRead(archive);
  if (!file) return std::nullopt;
  const auto old = Sidecar::OpenFor(files, sidecar, **file);
  if (!old) return std::nullopt;
  auto facts = (*old)->facts();
  if (!facts || facts->service.empty()) return std::nullopt;
  return std::move(*facts);
}

Result<std::unique_ptr<IndexedArchive>> IndexWhole(const FileSystem& files,
                                                   const RandomAccess& archive,
                                                   const std::string& name,
                                                   const std::filesystem::path& sidecar,
                                                   const RebuildOptions& options,
                                                   const std::stop_token& stop) {
  return Rebuild(files, archive, name, sidecar, options, stop).Run();
}

Result<void> RebuildSidecar(const FileSystem& files, const std::filesystem::path& archive,
                            const std::filesystem::path& sidecar, const RebuildOptions& options,
                            const std::stop_token& stop) {
  const auto file = ORCIO_TRY(files.OpenRead(archive));
  // Before all of the archive is decoded, perhaps for nothing.
  auto part = ORCIO_TRY(CreatePart(files, archive, sidecar));
  IndexLog log(files, archive, sidecar, options);
  auto indexed = Rebuild(files, *file, archive.string(), sidecar, options, stop, &log).Run();
  if (!indexed) {
    if (IsFinal(indexed.error())) log.Remove();
    return Failure(WithAdvice(archive, std::move(indexed).error()));
  }
  auto written = Write(*file, **indexed, options.facts.value_or(RebuiltFacts()), part.file());
  if (written) written = part.file().Sync();
  if (written) written = part.MoveOnto(sidecar);
  if (!written) {
    if (IsDiskFull(written.error())) log.Remove();  // the next attempt has its room
    return Failure(WithAdvice(archive, std::move(written).error()));
  }
  part.Keep();
  const auto directory = sidecar.parent_path();
  ORCIO_TRY(files.SyncDirectory(directory.empty() ? "." : directory));
  log.Remove();
  return {};
}

}  // namespace orcio::inline index

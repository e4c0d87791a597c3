#include "archiver/plan/last_archives.h"

#include <cerrno>
#include <ctime>

#include "base/text/figures.h"
#include "index/files/file_limit.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline archiver {
namespace {

// A plain .tar that somebody made says nothing about how large a compressed one gets, nor does one
// that shrank.
const ArchiveFile* FindMeasure(const FileSystem& files, const std::vector<ArchiveFile>& archives,
                               const std::string& service) {
  for (const ArchiveFile* file : LatestFirst(archives, service, std::time(nullptr))) {
    if (file->name.gzip && !LookAtArchive(files, *file).shrunk_from()) return file;
  }
  return nullptr;
}

std::optional<double> RatioOf(const FileSystem& files, const ArchiveFile& archive) {
  const auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar || (*sidecar)->tar_bytes() == 0) return std::nullopt;
  return static_cast<double>((*sidecar)->archive().bytes) /
         static_cast<double>((*sidecar)->tar_bytes());
}

// A disk that could not even take the last archive again will not take the next one.
Result<void> CheckRoomFor(const ArchiveFile& last, const FileSystem& files,
                          const std::filesystem::path& repository, const std::string& service) {
  const uint64_t free_bytes = ORCIO_TRY(files.FreeBytes(repository));
  if (free_bytes >= last.status.size) return {};
  return Failure(
      Error{ErrorKind::kIo, ENOSPC,
            fmt::format("{}: {} are free, and the last archive of {} ({}) took {}: make room "
                        "there; the service was not stopped",
                        repository.string(), FormatBytes(free_bytes), service,
                        last.path.filename().string(), FormatBytes(last.status.size))});
}

// Nor does one that may not hold so large a file.
Result<void> CheckFileLimit(const ArchiveFile& last, const std::filesystem::path& repository,
                            const std::string& service) {
  const auto limit = FileLimitIn(repository);
  if (!limit || last.status.size <= limit->bytes) return {};
  return Failure(Error{
      ErrorKind::kIo, EFBIG,
      fmt::format("{}: no file there may be larger than {} ({}), and the last archive of {} "
                  "({}) took {}: {}; the service was not stopped",
                  repository.string(), FormatBytes(limit->bytes), limit->why, service,
                  last.path.filename().string(), FormatBytes(last.status.size), limit->cure)});
}

}  // namespace

Result<LastArchives> LookAtLastArchives(const ServiceConfig& service, const StandingPaths& now,
                                        const FileSystem& files,
                                        const std::filesystem::path& repository) {
  LastArchives found;
  const auto archives = ORCIO_TRY(Repository(files, repository).List());
  for (const ArchiveFile& archive : archives) {
    if (archive.name.service == service.name) found.newest = archive.name;
  }
  if (service.min_ratio > 0) found.usual = FindUsualSize(files, archives, service.name);
  if (found.usual) {
    const Sidecar& last = *found.usual->last;
    found.missing.emptied = FindEmptied(now, service, last);
    FindUnmounted(now, service, *found.usual, found.missing);
  }
  found.all_empty = now.known && now.empty.size() == service.paths.size();
  const ArchiveFile* last = FindMeasure(files, archives, service.name);
  if (last == nullptr) return found;
  found.ratio = RatioOf(files, *last);
  ORCIO_TRY(CheckFileLimit(*last, repository, service.name));
  ORCIO_TRY(CheckRoomFor(*last, files, repository, service.name));
  return found;
}

// What does not say that it is UTC may be hours ahead of it.
std::optional<std::string> ClockWarning(const LastArchives& last, int64_t utc_seconds) {
  if (!last.newest || last.newest->seconds <= utc_seconds) return std::nullopt;
  if (!last.newest->date.ends_with('Z') && !IsInFuture(last.newest->seconds, utc_seconds))
    return std::nullopt;
  return fmt::format(
      "look at this machine's clock: its archive is dated {}, before the one of {}, which was made "
      "earlier. If the clock is right now, rename or remove that one, which a wrong clock dated; "
      "if not, set it before the next run, for `keep:` goes by the dates",
      FormatDate(utc_seconds), last.newest->date);
}

// What a volume holds whose disk is not mounted, tar archives without a word.
void CompareSize(const ServiceConfig& service, const LastArchives& last, const ArchiveSize& size,
                 RunFacts& facts) {
  facts.size_accepted = service.min_ratio <= 0;
  if (facts.size_accepted) return;
  const uint64_t bare = service.paths.size();
  const bool held_nothing =
      !last.usual || (!last.usual->accepted && last.usual->most.entries <= bare);
  if (held_nothing && last.all_empty && size.entries <= bare)
    facts.warnings.push_back(BareWarning(service));
  if (!last.usual) return;
  const ArchiveSize& most = last.usual->most;
  const bool missed = !last.missing.emptied.empty() || !last.missing.unmounted.empty();
  if (!missed && !HasShrunk(service, size, most)) return;
  facts.shrunk_from = most;
  facts.warnings.push_back(ShrunkWarning(service, size, most, last.missing));
}

// The first archive of a service has nothing but itself to be held against.
void NoteLosses(const PathLosses& losses, const LastArchives& last, const ArchiveSize& size,
                RunFacts& facts) {
  facts.warnings.insert(facts.warnings.end(), losses.warnings.begin(), losses.warnings.end());
  if (!losses.data || facts.size_accepted || facts.shrunk_from) return;
  facts.shrunk_from = last.usual ? last.usual->most : size;
}

}  // namespace orcio::inline archiver

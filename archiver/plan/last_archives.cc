#include "archiver/plan/last_archives.h"

#include <algorithm>
#include <cerrno>

#include "base/text/figures.h"
#include "index/files/file_limit.h"
#include "index/repository/archive_state.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline archiver {
namespace {

// A plain .tar that somebody made says nothing about how large a compressed one gets, nor does one
// that shrank.
const ArchiveFile* FindMeasure(const FileSystem& files, const std::vector<ArchiveFile>& archives,
                               const std::string& service) {
  const auto last = std::find_if(archives.rbegin(), archives.rend(), [&](const ArchiveFile& file) {
    return file.name.service == service && file.name.gzip &&
           !LookAtArchive(files, file).shrunk_from();
  });
  return last == archives.rend() ? nullptr : &*last;
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
            fmt::format("{}: {} are free, the last archive of {} ({}) took {}: make room "
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
      fmt::format("{}: no file there may be larger than {} ({}), the last archive of {} ({}) "
                  "took {}: {}; the service was not stopped",
                  repository.string(), FormatBytes(limit->bytes), limit->why, service,
                  last.path.filename().string(), FormatBytes(last.status.size), limit->cure)});
}

}  // namespace

Result<LastArchives> LookAtLastArchives(const ServiceConfig& service, RemoteHost& host,
                                        const FileSystem& files,
                                        const std::filesystem::path& repository,
                                        const std::stop_token& stop) {
  LastArchives found;
  const auto archives = ORCIO_TRY(Repository(files, repository).List());
  if (service.min_ratio > 0) found.usual = FindUsualSize(files, archives, service.name);
  if (found.usual) found.emptied = ORCIO_TRY(FindEmptied(host, service, *found.usual->last, stop));
  const ArchiveFile* last = FindMeasure(files, archives, service.name);
  if (last == nullptr) return found;
  found.ratio = RatioOf(files, *last);
  ORCIO_TRY(CheckFileLimit(*last, repository, service.name));
  ORCIO_TRY(CheckRoomFor(*last, files, repository, service.name));
  return found;
}

// What a volume holds whose disk is not mounted, tar archives without a word.
void CompareSize(const ServiceConfig& service, const LastArchives& last, const ArchiveSize& size,
                 RunFacts& facts) {
  facts.size_accepted = service.min_ratio <= 0;
  if (!last.usual) return;
  const ArchiveSize& most = last.usual->most;
  if (last.emptied.empty() && !HasShrunk(service, size, most)) return;
  facts.shrunk_from = most;
  facts.warnings.push_back(ShrunkWarning(service, size, most, last.emptied));
}

}  // namespace orcio::inline archiver

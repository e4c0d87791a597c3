#include <algorithm>
#include <map>

#include "archiver/check/check.h"
#include "archiver/safety/run_journal.h"
#include "base/text/figures.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"
#include "index/repository/naming_check.h"
#include "index/repository/repository.h"
#include "index/repository/repository_lock.h"

namespace orcio::inline archiver {
namespace {

// If nothing says how much the next archives will take.
constexpr uint64_t kLittleRoom = uint64_t{1} << 30;

Finding OfRepository(FindingLevel level, std::string text, std::string remedy) {
  Finding finding{level, "repository", std::move(text), std::move(remedy)};
  finding.kind = ErrorKind::kIo;
  return finding;
}

// What the newest archives of all services take together: about what the next ones will.
uint64_t NextRunBytes(const std::vector<ArchiveFile>& archives, const Config& config) {
  std::map<std::string, uint64_t> newest;
  for (const auto& archive : archives) {
    if (archive.name.gzip && config.FindService(archive.name.service) != nullptr)
      newest[archive.name.service] = archive.status.size;
  }
  uint64_t bytes = 0;
  for (const auto& [service, size] : newest) bytes += size;
  return bytes;
}

Finding CheckRepositoryRoom(const std::filesystem::path& repository, uint64_t free_bytes,
                            uint64_t next_bytes) {
  const std::string free_text =
      fmt::format("{}: {} are free", repository.string(), FormatBytes(free_bytes));
  constexpr const char* kMakeRoom =
      "make room there: `orcio prune` by a service's keep:, or a larger disk";
  if (free_bytes < next_bytes)
    return OfRepository(FindingLevel::kWarning,
                        fmt::format("{}, and the last archives of all services took {}", free_text,
                                    FormatBytes(next_bytes)),
                        kMakeRoom);
  if (free_bytes < kLittleRoom) return OfRepository(FindingLevel::kWarning, free_text, kMakeRoom);
  return OfRepository(FindingLevel::kOk, free_text, {});
}

const ArchiveFile* LastGood(const FileSystem& files, const std::vector<ArchiveFile>& archives,
                            const std::string& service, int64_t now_seconds) {
  for (const ArchiveFile* archive : LatestFirst(archives, service, now_seconds)) {
    if (LookAtArchive(files, *archive).good()) return archive;
  }
  return nullptr;
}

void CheckAge(const ServiceConfig& service, const FileSystem& files,
              const std::vector<ArchiveFile>& archives, int64_t now_seconds,
              const TellFinding& tell) {
  if (!service.max_age) return;
  Finding finding{FindingLevel::kOk, "age", {}, {}, service.host, service.name};
  finding.kind = ErrorKind::kIo;
  const ArchiveFile* last = LastGood(files, archives, service.name, now_seconds);
  if (last != nullptr && IsInFuture(last->name.seconds, now_seconds)) {
    finding.level = FindingLevel::kWarning;
    finding.text =
        fmt::format("its last complete archive is dated {}, which is in the future", last->date);
    finding.remedy = "look at this machine's clock; if it is right, archive the service anew";
  } else if (last != nullptr && now_seconds - last->name.seconds <= service.max_age->count()) {
    finding.text = fmt::format("its last complete archive is of {}", last->date);
  } else {
    finding.level = FindingLevel::kError;
    finding.text = last == nullptr
                       ? "it has no complete archive"
                       : fmt::format(
                             "its last complete archive, of {}, is older than its max_age, "
                             "{} h",
                             last->date, service.max_age->count() / 3600);
    finding.remedy =
        fmt::format("run `orcio archive {}`, and see whether cron or a timer does", service.name);
  }
  tell(std::move(finding));
}

// A run that goes on has its journals, too.
void CheckJournals(const Config& config, const std::vector<const ServiceConfig*>& services,
                   const FileSystem& files, const TellFinding& tell) {
  const auto journals = ListJournals(files, config.repository);
  if (!journals || RepositoryLock::IsHeld(config.repository)) return;
  for (const auto& journal : *journals) {
    const std::string name = ServiceOfJournal(journal);
    const ServiceConfig* service = config.FindService(name);
    const bool chosen = std::find(services.begin(), services.end(), service) != services.end();
    if (service != nullptr && !chosen) continue;
    tell({FindingLevel::kError, "journal", "an interrupted run may have left it stopped",
          service != nullptr
              ? "run `orcio recover`"
              : fmt::format("it is not in the configuration any more: run `orcio recover`, or "
                            "`orcio recover --forget {}` if it is to stay as it is",
                            name),
          service != nullptr ? service->host : "", name, ErrorKind::kNotRunning});
  }
}

}  // namespace

void CheckRepository(const Config& config, const std::vector<const ServiceConfig*>& services,
                     const FileSystem& files, int64_t now_seconds, const TellFinding& tell) {
  const auto archives = Repository(files, config.repository).List();
  if (!archives) {
    tell(OfRepository(FindingLevel::kError, archives.error().message,
                      "make the directory, or correct repository: in the configuration"));
    return;
  }
  // By doing it: what the modes promise, a read-only file system or a quota may not keep.
  if (const auto written = CheckNaming(files, config.repository, "orcio-check"); !written) {
    tell(OfRepository(FindingLevel::kError, written.error().message,
                      "let the user that orcio runs as write there, or keep the repository on "
                      "another file system"));
  }
  if (const auto free_bytes = files.FreeBytes(config.repository))
    tell(CheckRepositoryRoom(config.repository, *free_bytes, NextRunBytes(*archives, config)));
  CheckJournals(config, services, files, tell);
  for (const ServiceConfig* service : services)
    CheckAge(*service, files, *archives, now_seconds, tell);
}

}  // namespace orcio::inline archiver

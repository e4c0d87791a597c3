#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/plan/usual_size.h"
#include "archiver/tar/standing_paths.h"
#include "base/error.h"
#include "index/files/file_system.h"
#include "index/repository/archive_name.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// What a service's last archives say of the next one.
struct LastArchives {
  std::optional<double> ratio;        // of what compression left of the last one's tar
  std::optional<UsualSize> usual;     // of a service that has a min_ratio
  MissingParts missing;               // likewise
  bool all_empty = false;             // whether all of its paths are empty directories
  std::optional<ArchiveName> newest;  // by its date, even if that is in the future
};

// `now` is from before the service is stopped. ENOSPC if the disk could not even take the last
// archive again, EFBIG if no file there may be so large.
[[nodiscard]] Result<LastArchives> LookAtLastArchives(const ServiceConfig& service,
                                                      const StandingPaths& now,
                                                      const FileSystem& files,
                                                      const std::filesystem::path& repository);

// A warning if a new archive of `utc_seconds` is not the newest by its date: some clock was wrong,
// this machine's now, or then.
[[nodiscard]] std::optional<std::string> ClockWarning(const LastArchives& last,
                                                      int64_t utc_seconds);

// Says in the facts of a new archive, whose size is `size`, whether it holds suspiciously less.
void CompareSize(const ServiceConfig& service, const LastArchives& last, const ArchiveSize& size,
                 RunFacts& facts);

// After that: what the service took with it when it stopped, which the archive lacks.
void NoteLosses(const PathLosses& losses, const LastArchives& last, const ArchiveSize& size,
                RunFacts& facts);

}  // namespace orcio::inline archiver

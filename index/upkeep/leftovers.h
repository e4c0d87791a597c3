#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

struct RemovedLeftovers {
  std::vector<std::string> names;  // of the files that were removed
  std::vector<Error> errors;       // one for each that could not be
};

// Removes what runs that did not come to their end left in a repository whose lock the caller
// holds, and nothing that a living process is writing (a mount makes sidecars without the lock):
// - ".NAME.part", where NAME is an archive's name as orcio gives it;
// - ".NAME.layer.1.part", ".NAME.layer.1.idx.part", ".NAME.listing.part" and so on, likewise;
// - ".NAME.kept.part", ".NAME.kept.idx.part", ".NAME.kept.listing.part" and so on, likewise;
// - ".NAME.idx.part", ".NAME.idx.2.part", ".NAME.idx.windows.part", ".NAME.idx.resume.part" and so
//   on, for archives of any name;
// - ".orcio-scratch.*";
// - "NAME.idx", ".NAME.verified", ".NAME.protected", ".NAME.listing" and ".NAME.idx.resume" without
//   an archive NAME once they are a day old: a run ended between its two renames, or the archive
//   was deleted. A younger one may be on its way here with its archive;
// - "NAME.kept", "NAME.kept.idx" and ".NAME.kept.listing" once they are 35 days old: no run has
//   taken them over; and ".NAME.idx.resume", when nobody has gone on with that, or as soon as
//   "NAME.idx" has been written after it.
// `now_seconds` are since the epoch. The error of listing the directory.
[[nodiscard]] Result<RemovedLeftovers> RemoveLeftovers(const FileSystem& files,
                                                       const std::filesystem::path& repository,
                                                       int64_t now_seconds);

}  // namespace orcio::inline index

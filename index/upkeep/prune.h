#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/repository/repository.h"
#include "index/upkeep/retention.h"

namespace orcio::inline index {

struct PruneItem {
  ArchiveFile archive;
  std::string state;                 // as ArchiveState has it
  std::vector<std::string> reasons;  // what keeps it; nothing: it is to be removed
};

// What a policy makes of a service's archives, oldest first. The one of the name `made`, if any,
// stays whatever it says: a run that removed what it has just made, since a clock is behind, would
// have stopped the service for nothing. kInvalid for a policy that keeps nothing.
[[nodiscard]] Result<std::vector<PruneItem>> PlanPrune(const Repository& repository,
                                                       const std::string& service,
                                                       const RetentionPolicy& policy,
                                                       int64_t now_seconds,
                                                       const std::filesystem::path& made = {});

// Removes an archive and all that belongs to it, the archive first: whatever happens in between, no
// index is taken for one of an archive that is not there. On disk when this returns. A mount goes
// on reading what is open in it. The caller holds the repository's lock.
[[nodiscard]] Result<void> RemoveArchive(const FileSystem& files, const ArchiveFile& archive);

}  // namespace orcio::inline index

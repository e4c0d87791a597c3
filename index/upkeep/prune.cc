#include "index/upkeep/prune.h"

#include <utility>

#include "index/repository/archive_state.h"
#include "index/repository/listing_path.h"
#include "index/sidecar/index_log_path.h"
#include "index/upkeep/protection.h"
#include "index/verify/verification.h"

namespace orcio::inline index {

Result<std::vector<PruneItem>> PlanPrune(const Repository& repository, const std::string& service,
                                         const RetentionPolicy& policy, int64_t now_seconds,
                                         const std::filesystem::path& made) {
  if (policy.empty())
    return Fail(ErrorKind::kInvalid, "{}: a policy that keeps nothing is refused", service);
  std::vector<PruneItem> items;
  std::vector<RetentionCandidate> candidates;
  for (ArchiveFile& archive : ORCIO_TRY(repository.List())) {
    if (archive.name.service != service) continue;
    const bool is_protected = ORCIO_TRY(IsProtected(repository.files(), archive.path));
    const ArchiveState state = LookAtArchive(repository.files(), archive);
    candidates.push_back({archive.name.seconds, state.whole(), is_protected,
                          state.whole() && state.shrunk_from().has_value()});
    items.push_back({std::move(archive), state.words, {}});
  }
  auto reasons = WhatKeeps(policy, candidates, now_seconds);
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].reasons = std::move(reasons[i]);
    if (!made.empty() && items[i].archive.path.filename() == made)
      items[i].reasons.emplace_back("made by this run");
  }
  return items;
}

Result<void> RemoveArchive(const FileSystem& files, const ArchiveFile& archive) {
  ORCIO_TRY(files.Remove(archive.path));
  // Gone for good before its index is: an index is made anew, an archive is not.
  ORCIO_TRY(files.SyncDirectory(archive.path.parent_path()));
  ORCIO_TRY(files.Remove(archive.sidecar));
  ORCIO_TRY(files.Remove(IndexLogPath(archive.sidecar)));
  ORCIO_TRY(files.Remove(VerificationPath(archive.sidecar)));
  ORCIO_TRY(files.Remove(ListingPath(archive.path)));
  return files.Remove(ProtectionPath(archive.path));
}

}  // namespace orcio::inline index

#include "index/repository/latest_first.h"

#include <algorithm>

namespace orcio::inline index {

bool IsInFuture(int64_t seconds, int64_t now_seconds) {
  constexpr int64_t kDaySeconds = 86400;
  return seconds - kDaySeconds > now_seconds;
}

std::vector<const ArchiveFile*> LatestFirst(const std::vector<ArchiveFile>& archives,
                                            std::string_view service, int64_t now_seconds) {
  std::vector<const ArchiveFile*> found;
  for (auto archive = archives.rbegin(); archive != archives.rend(); ++archive) {
    if (archive->name.service == service) found.push_back(&*archive);
  }
  std::stable_partition(found.begin(), found.end(), [&](const ArchiveFile* archive) {
    return !IsInFuture(archive->name.seconds, now_seconds);
  });
  return found;
}

}  // namespace orcio::inline index

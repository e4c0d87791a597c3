#include "archiver/plan/usual_size.h"

#include <algorithm>
#include <ctime>

#include "archiver/tar/below_path.h"
#include "base/text/figures.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"

namespace orcio::inline archiver {
namespace {

constexpr int kCompared = 5;

bool FallsShort(uint64_t of, uint64_t usual, double ratio) {
  return static_cast<double>(of) < static_cast<double>(usual) * ratio;
}

// A damaged sidecar tells nothing.
bool HeldAnything(const Sidecar& sidecar, const std::string& path) {
  const auto node = sidecar.Find(path);
  if (!node || !*node) return false;
  const auto children = sidecar.ListChildren(**node);
  return children && children->count > 0;
}

// Some come from an archive.
std::string Named(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(SafeText(path));
  return Join(names);
}

std::string SizeWords(const ArchiveSize& size) {
  return fmt::format("{} of tar in {} {}", FormatBytes(size.tar_bytes), size.entries,
                     size.entries == 1 ? "entry" : "entries");
}

}  // namespace

std::optional<UsualSize> FindUsualSize(const FileSystem& files,
                                       const std::vector<ArchiveFile>& archives,
                                       const std::string& service) {
  std::optional<UsualSize> usual;
  int compared = 0;
  for (const ArchiveFile* archive : LatestFirst(archives, service, std::time(nullptr))) {
    if (compared == kCompared) break;
    const ArchiveState state = LookAtArchive(files, *archive);
    if (!state.whole()) continue;
    const auto facts = state.sidecar->facts();
    if (facts && facts->shrunk_from) continue;
    ++compared;
    if (!usual) usual = UsualSize{{}, state.sidecar, false};
    ArchiveSize& most = usual->most;
    most.tar_bytes = std::max(most.tar_bytes, state.sidecar->end_of_entries());
    most.entries = std::max(most.entries, state.sidecar->entry_count());
    usual->accepted = facts && facts->size_accepted;
    if (usual->accepted) break;
  }
  return usual;
}

std::vector<std::string> FindEmptied(const StandingPaths& now, const ServiceConfig& service,
                                     const Sidecar& last) {
  std::vector<std::string> emptied;
  if (service.paths.size() < 2) return emptied;
  for (const auto& path : now.empty) {
    if (HeldAnything(last, path)) emptied.push_back(path);
  }
  return emptied;
}

void FindUnmounted(const StandingPaths& now, const ServiceConfig& service, const UsualSize& usual,
                   MissingParts& missing) {
  const auto facts = usual.last->facts();
  if (!facts || !now.known) return;
  const auto has = [](const std::vector<std::string>& places, const std::string& place) {
    return std::find(places.begin(), places.end(), place) != places.end();
  };
  for (const auto& place : facts->mounts) {
    const bool asked = std::any_of(service.paths.begin(), service.paths.end(),
                                   [&](const auto& path) { return LiesBelow(place, path); });
    if (!asked || has(now.places, place) || IsExcluded(service, place) ||
        IsIgnoredPlace(service, place) || !HeldAnything(*usual.last, place))
      continue;
    missing.unmounted.push_back(place);
  }
}

bool HasShrunk(const ServiceConfig& service, const ArchiveSize& size, const ArchiveSize& usual) {
  if (service.min_ratio <= 0) return false;
  const uint64_t bare = service.paths.size();
  return FallsShort(size.tar_bytes, usual.tar_bytes, service.min_ratio) ||
         FallsShort(size.entries, usual.entries, service.min_ratio) ||
         (size.entries <= bare && usual.entries > bare);
}

std::string ShrunkWarning(const ServiceConfig& service, const ArchiveSize& size,
                          const ArchiveSize& usual, const MissingParts& missing) {
  std::vector<std::string> what;
  if (!missing.unmounted.empty())
    what.push_back(fmt::format(
        "nothing is mounted on {}, where something was when its last good archive was made",
        Named(missing.unmounted)));
  if (!missing.emptied.empty())
    what.push_back(fmt::format("its archive holds nothing of {}, which was not empty before",
                               Named(missing.emptied)));
  if (what.empty())
    what.push_back(fmt::format("its archive holds {}, and the last complete ones held up to {}",
                               SizeWords(size), SizeWords(usual)));
  std::vector<std::string> suspects = missing.unmounted;
  suspects.insert(suspects.end(), missing.emptied.begin(), missing.emptied.end());
  return fmt::format(
      "{}: see whether all of {} is there on {}, mounted and not empty. The archive takes no place "
      "of a good one under `keep:`; if it is as it should be, write `min_ratio: 0` for one run",
      Join(what, "; "), Named(suspects.empty() ? service.paths : suspects), service.host);
}

std::string BareWarning(const ServiceConfig& service) {
  return fmt::format(
      "its archive holds nothing but the empty {}: see whether the disk is mounted there on {}, "
      "and whether `paths:` is right. If it is as it should be, write `min_ratio: 0` for one run",
      Named(service.paths), service.host);
}

}  // namespace orcio::inline archiver

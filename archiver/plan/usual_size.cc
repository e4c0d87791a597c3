#include "archiver/plan/usual_size.h"

#include <algorithm>
#include <ctime>

#include "archiver/host/shell_quote.h"
#include "base/text/figures.h"
#include "base/text/words.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"

namespace orcio::inline archiver {
namespace {

constexpr int kCompared = 5;

bool FallsShort(uint64_t of, uint64_t usual, double ratio) {
  return static_cast<double>(of) < static_cast<double>(usual) * ratio;
}

constexpr const char* kEmptyMark = "orcio-empty: ";

// The numbers of the paths that are empty directories.
constexpr const char* kLookIfEmpty = R"sh(  e=$((e + 1))
  [ ! -d "$path" ] || [ -n "$(ls -A -- "$path" 2>/dev/null </dev/null | head -n 1)" ] ||
    echo "orcio-empty: $e"
done
)sh";

// A damaged sidecar tells nothing.
bool HeldAnything(const Sidecar& sidecar, const std::string& path) {
  const auto node = sidecar.Find(path);
  if (!node || !*node) return false;
  const auto children = sidecar.ListChildren(**node);
  return children && children->count > 0;
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
    if (!usual) usual = UsualSize{{}, state.sidecar};
    ArchiveSize& most = usual->most;
    most.tar_bytes = std::max(most.tar_bytes, state.sidecar->end_of_entries());
    most.entries = std::max(most.entries, state.sidecar->entry_count());
    if (facts && facts->size_accepted) break;
  }
  return usual;
}

Result<std::vector<std::string>> FindEmptied(RemoteHost& host, const ServiceConfig& service,
                                             const Sidecar& last, const std::stop_token& stop) {
  std::vector<std::string> emptied;
  const auto& paths = service.paths;
  if (paths.size() < 2) return emptied;
  const auto result = ORCIO_TRY(host.Run(
      fmt::format("e=0\nfor path in {}; do\n{}", ShellCommand(paths), kLookIfEmpty), {}, stop));
  for (const auto& line : Lines(result.out)) {
    for (size_t i = 0; i < paths.size(); ++i) {
      if (line == fmt::format("{}{}", kEmptyMark, i + 1) && HeldAnything(last, paths[i]))
        emptied.push_back(paths[i]);
    }
  }
  return emptied;
}

bool HasShrunk(const ServiceConfig& service, const ArchiveSize& size, const ArchiveSize& usual) {
  if (service.min_ratio <= 0) return false;
  const uint64_t bare = service.paths.size();
  return FallsShort(size.tar_bytes, usual.tar_bytes, service.min_ratio) ||
         FallsShort(size.entries, usual.entries, service.min_ratio) ||
         (size.entries <= bare && usual.entries > bare);
}

std::string ShrunkWarning(const ServiceConfig& service, const ArchiveSize& size,
                          const ArchiveSize& usual, const std::vector<std::string>& emptied) {
  const std::string what =
      emptied.empty()
          ? fmt::format("its archive holds {}, and the last complete ones held up to {}",
                        SizeWords(size), SizeWords(usual))
          : fmt::format("its archive holds nothing of {}, which was not empty before",
                        Join(emptied));
  return fmt::format(
      "{}: see whether all of {} is there on {}, mounted and not empty. The archive takes no place "
      "of a good one under `keep:`; if it is as it should be, write `min_ratio: 0` for one run",
      what, Join(emptied.empty() ? service.paths : emptied), service.host);
}

}  // namespace orcio::inline archiver

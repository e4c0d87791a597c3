#include "archiver/usual_size.h"

#include <algorithm>

#include "archiver/figures.h"
#include "archiver/remote_text.h"
#include "index/archive_state.h"

namespace orcio {
namespace {

constexpr int kCompared = 5;

bool FallsShort(uint64_t of, uint64_t usual, double ratio) {
  return static_cast<double>(of) < static_cast<double>(usual) * ratio;
}

std::string SizeWords(const ArchiveSize& size) {
  return fmt::format("{} of tar in {} {}", FormatBytes(size.tar_bytes), size.entries,
                     size.entries == 1 ? "entry" : "entries");
}

}  // namespace

std::optional<ArchiveSize> UsualSize(const FileSystem& files,
                                     const std::vector<ArchiveFile>& archives,
                                     const std::string& service) {
  std::optional<ArchiveSize> usual;
  int compared = 0;
  for (auto archive = archives.rbegin(); archive != archives.rend() && compared < kCompared;
       ++archive) {
    if (archive->name.service != service) continue;
    const ArchiveState state = LookAtArchive(files, *archive);
    if (!state.whole()) continue;
    const auto facts = state.sidecar->facts();
    if (facts && facts->shrunk_from) continue;
    ++compared;
    if (!usual) usual.emplace();
    usual->tar_bytes = std::max(usual->tar_bytes, state.sidecar->end_of_entries());
    usual->entries = std::max(usual->entries, state.sidecar->entry_count());
    if (facts && facts->size_accepted) break;
  }
  return usual;
}

bool HasShrunk(const ServiceConfig& service, const ArchiveSize& size, const ArchiveSize& usual) {
  if (service.min_ratio <= 0) return false;
  const uint64_t bare = service.paths.size();
  return FallsShort(size.tar_bytes, usual.tar_bytes, service.min_ratio) ||
         FallsShort(size.entries, usual.entries, service.min_ratio) ||
         (size.entries <= bare && usual.entries > bare);
}

std::string ShrunkWarning(const ServiceConfig& service, const ArchiveSize& size,
                          const ArchiveSize& usual) {
  return fmt::format(
      "its archive holds {}, and the last complete ones held up to {}: see whether all of {} is "
      "there on {}, mounted and not empty. The archive takes no place of a good one under `keep:`; "
      "if it is as it should be, write `min_ratio: 0` for one run",
      SizeWords(size), SizeWords(usual), Join(service.paths), service.host);
}

}  // namespace orcio

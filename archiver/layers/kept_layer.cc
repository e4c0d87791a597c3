#include "archiver/layers/kept_layer.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/text/figures.h"
#include "index/repository/archive_name.h"
#include "index/repository/kept_path.h"
#include "index/repository/listing_path.h"
#include "index/sidecar/sidecar_ending.h"

namespace orcio::inline archiver {
namespace {

// Names, oldest first.
Result<std::vector<std::string>> ListKept(const FileSystem& files,
                                          const std::filesystem::path& repository,
                                          const std::string& service) {
  std::vector<std::string> kept;
  for (auto& name : ORCIO_TRY(files.List(repository))) {
    if (!name.ends_with(kKeptEnding)) continue;
    const auto parsed =
        ParseArchiveName(std::string_view(name).substr(0, name.size() - kKeptEnding.size()), 0);
    if (parsed && parsed->service == service) kept.push_back(std::move(name));
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

std::filesystem::path SidecarOf(const std::filesystem::path& kept) {
  return SidecarNameOf(kept.string());
}

}  // namespace

std::string KeptText(const std::string& tar, const Layer* base) {
  return tar + "; beside " +
         (base == nullptr ? "nothing" : ToHex(base->sidecar()->archive().sha256));
}

Result<BaseLayer> OpenKeptLayer(const FileSystem& files, const std::filesystem::path& repository,
                                const std::string& service, const std::string& tar,
                                ScratchMemory& memory, InternedBytes& paths) {
  const auto kept = ORCIO_TRY(ListKept(files, repository, service));
  if (kept.empty()) return Fail(ErrorKind::kNotFound, "{}: nothing was kept", service);
  const auto path = repository / kept.back();
  return OpenLayer(files, path, SidecarOf(path), tar, memory, paths);
}

Result<void> WriteKept(const FileSystem& files, const std::filesystem::path& repository,
                       const std::string& archive, LayeredFiles content, const RunFacts& facts,
                       const std::string& tar, uint32_t runs_since_full, ScratchMemory& memory) {
  uint64_t needed = 0;
  for (const Layer* layer : content.layers)
    needed += layer->sidecar() == nullptr ? 0 : layer->sidecar()->archive().bytes;
  if (ORCIO_TRY(files.FreeBytes(repository)) < needed) {
    return Failure(Error{ErrorKind::kIo, ENOSPC,
                         fmt::format("{}: what was fetched, {}, is not kept for the next "
                                     "run, for there is no room",
                                     repository.string(), FormatBytes(needed))});
  }
  const std::string name = archive + std::string(kKeptEnding);
  auto assembly =
      ORCIO_TRY(LayerAssembly::Create(files, repository, name, std::move(content), memory));
  ORCIO_TRY(assembly->Finish());
  ORCIO_TRY(assembly->archive().Describe(facts));
  ORCIO_TRY(assembly->archive().Publish());
  ORCIO_TRY(assembly->WriteListing(tar, runs_since_full, LayerAssembly::Listed::kAll));
  return RemoveKept(files, repository, ParseArchiveName(archive, 0)->service, name);
}

Result<void> RemoveKept(const FileSystem& files, const std::filesystem::path& repository,
                        const std::string& service, const std::string& but) {
  for (const auto& name : ORCIO_TRY(ListKept(files, repository, service))) {
    if (name == but) continue;
    const auto path = repository / name;
    for (const auto& each : {ListingPath(path), SidecarOf(path), path})
      ORCIO_TRY(files.Remove(each));
  }
  return {};
}

}  // namespace orcio::inline archiver

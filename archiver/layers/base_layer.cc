#include "archiver/layers/base_layer.h"

#include <ctime>
#include <numeric>
#include <utility>

#include "archiver/listing/listing_file.h"
#include "index/repository/latest_first.h"
#include "index/repository/listing_path.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline archiver {

Result<BaseLayer> OpenLayer(const FileSystem& files, const std::filesystem::path& archive,
                            const std::filesystem::path& sidecar_path, const std::string& tar,
                            ScratchMemory& memory, InternedBytes& paths) {
  const auto bytes = ORCIO_TRY(files.OpenRead(archive));
  auto sidecar = ORCIO_TRY(Sidecar::OpenFor(files, sidecar_path, *bytes));

  BaseLayer base{std::make_unique<Layer>(memory, paths), 0};
  uint64_t end = 0;
  bool has_all = true;
  const auto take = [&](const ListedEntry& entry) -> Result<void> {
    memory.Trim();
    const uint32_t file = base.layer->files().Add(entry.path, entry.file);
    if (entry.tar_bytes == 0) {
      has_all = false;
      return {};
    }
    base.layer->AddEntry(file, end, entry.steady);
    end += entry.tar_bytes;
    return {};
  };
  const auto facts = ORCIO_TRY(ReadListing(files, archive, take));
  if (facts.archive_sha256 != sidecar->archive().sha256 || !sidecar->complete() ||
      facts.tar != tar || end != sidecar->end_of_entries()) {
    return Fail(ErrorKind::kNotFound, "{}: its listing is of no use", archive.string());
  }
  if (!has_all) {
    ScratchArray<uint32_t> order(memory, base.layer->files().size());
    std::iota(order.begin(), order.begin() + order.size(), 0);
    base.layer->SetOrder(order);
  }
  base.layer->End(end, archive, std::move(sidecar));
  base.runs_since_full = facts.runs_since_full;
  return base;
}

Result<BaseLayer> OpenBaseLayer(const FileSystem& files, const std::filesystem::path& repository,
                                const std::string& service, const std::string& tar,
                                ScratchMemory& memory, InternedBytes& paths) {
  const auto archives = ORCIO_TRY(Repository(files, repository).List());
  for (const ArchiveFile* last : LatestFirst(archives, service, std::time(nullptr))) {
    if (last->name.gzip && files.Status(ListingPath(last->path)))
      return OpenLayer(files, last->path, last->sidecar, tar, memory, paths);
  }
  return Fail(ErrorKind::kNotFound, "{}: no listing", service);
}

}  // namespace orcio::inline archiver

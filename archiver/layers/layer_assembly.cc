#include "archiver/layers/layer_assembly.h"

#include <optional>
#include <utility>

#include "archiver/listing/listing_file.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {

Result<std::unique_ptr<LayerAssembly>> LayerAssembly::Create(
    const FileSystem& files, const std::filesystem::path& repository, const std::string& name,
    LayeredFiles content, ScratchMemory& memory) {
  auto archive = ORCIO_TRY(ArchiveAssembler::Create(files, repository, name));
  return std::unique_ptr<LayerAssembly>(
      new LayerAssembly(files, repository / name, std::move(content), memory, std::move(archive)));
}

LayerAssembly::LayerAssembly(const FileSystem& files, std::filesystem::path path,
                             LayeredFiles content, ScratchMemory& memory,
                             std::unique_ptr<ArchiveAssembler> archive)
    : disk_(files),
      path_(std::move(path)),
      content_(std::move(content)),
      memory_(memory),
      archive_(std::move(archive)),
      sources_(content_.layers.size()),
      entries_(memory),
      entries_from_(content_.layers.size()),
      placed_(content_.files.size()) {}

Result<const TarSummary*> LayerAssembly::Finish() {
  for (size_t i = 0; i < sources_.size(); ++i) {
    const Layer& layer = *content_.layers[i];
    if (layer.sidecar() == nullptr) continue;  // it holds nothing
    sources_[i] = ORCIO_TRY(AssemblySource::Open(disk_, layer.archive(), layer.sidecar()));
  }
  for (uint32_t at = 0; at < content_.order.size(); ++at) {
    memory_.Trim();
    const uint32_t file = content_.order[at];
    if (content_.where[file] == kNowhere) continue;
    ORCIO_TRY(Append(file, *sources_[content_.where[file]]));
  }
  return archive_->Finish();
}

Result<void> LayerAssembly::Append(uint32_t file, AssemblySource& source) {
  const HostListing& files = content_.files;
  const Layer& layer = *content_.layers[content_.where[file]];
  const auto held = layer.files().Find(files.PathNumber(file));
  const auto node = ORCIO_TRY(layer.sidecar()->Find(files.Path(file)));
  if (!held || !node)
    return Fail(ErrorKind::kDamaged, "{}: its sidecar lacks {}", layer.archive().string(),
                SafeText(std::string(files.Path(file))));
  auto entry = ORCIO_TRY(TarEntryOf(*layer.sidecar(), *node));
  const uint64_t begin = layer.EntryBegin(layer.EntryOf(*held));
  const uint64_t end = layer.EntryEnd(layer.EntryOf(*held));
  if (entry.type == EntryType::kHardLink) {
    const auto target = files.Find(entry.link_target);
    if (!target || !placed_[*target])
      return Fail(ErrorKind::kInvalid, "{} would be a link to something behind it",
                  SafeText(std::string(files.Path(file))));
    entry.header_offset = begin;
    entry.data_offset = end;
  }
  ORCIO_TRY(archive_->Append(source, begin, end, std::move(entry)));
  entries_.Append({file, end - begin});
  ++entries_from_[content_.where[file]];
  placed_[file] = true;
  return {};
}

Result<void> LayerAssembly::WriteListing(const std::string& tar, uint32_t runs_since_full,
                                         Listed listed) const {
  const uint64_t entries = listed == Listed::kAll ? content_.order.size() : entries_.size();
  const ListingFacts facts{archive_->sha256(), tar, runs_since_full, entries};
  const auto each = [&](const TakeListedEntry& take) -> Result<void> {
    size_t next = 0;  // of entries_, which come in this order
    for (uint32_t at = 0; at < content_.order.size(); ++at) {
      memory_.Trim();
      const uint32_t index = content_.order[at];
      const bool held = next < entries_.size() && entries_[next].file == index;
      if (!held && listed == Listed::kHeld) continue;
      const uint64_t tar_bytes = held ? entries_[next++].tar_bytes : 0;
      const HostFile& file = content_.files.File(index);
      ORCIO_TRY(take(
          {content_.files.Path(index), file, tar_bytes, IsSteady(file, content_.steady_before)}));
    }
    return {};
  };
  return orcio::WriteListing(disk_, path_, facts, each);
}

Result<std::vector<std::string>> SilentChanges(const LayeredFiles& now, const Layer& before,
                                               ScratchMemory& memory) {
  std::vector<std::string> warnings;
  for (uint32_t i = 0; i < now.files.size(); ++i) {
    memory.Trim();
    if (now.where[i] == kNowhere || now.files.File(i).type != EntryType::kFile) continue;
    const auto held = before.files().Find(now.files.PathNumber(i));
    if (!held || !before.Holds(*held, now.files.File(i), std::nullopt)) continue;
    const auto digest_in = [&](const Sidecar& sidecar) -> Result<std::optional<Sha256Digest>> {
      const auto node = ORCIO_TRY(sidecar.Find(now.files.Path(i)));
      if (!node) return std::nullopt;
      return sidecar.Digest(*node);
    };
    const auto old_digest = ORCIO_TRY(digest_in(*before.sidecar()));
    const auto new_digest = ORCIO_TRY(digest_in(*now.layers[now.where[i]]->sidecar()));
    if (!old_digest || !new_digest || *old_digest == *new_digest) continue;
    warnings.push_back(fmt::format(
        "{}: its content is another one than in {}, and nothing told so: archives made in between "
        "may have the old one; look at the host's disk, memory and clock",
        SafeText(std::string(now.files.Path(i))), before.archive().filename().string()));
  }
  return warnings;
}

}  // namespace orcio::inline archiver

#include "archiver/layers/layer.h"

#include <algorithm>
#include <deque>
#include <string>
#include <tuple>

#include "archiver/layers/moved_files.h"
#include "index/entry/tar_path.h"

namespace orcio::inline archiver {
namespace {

// A path of a tar as a listing has it: no slash at either end.
std::string_view Trimmed(std::string_view path) {
  path = InsideTree(path);
  while (path.starts_with('/') || path.starts_with("./"))
    path.remove_prefix(path[0] == '/' ? 1 : 2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// busybox tar has whole seconds.
bool SaysTheSame(const TarEntry& entry, const HostFile& file) {
  const int64_t seconds = WholeSeconds(file.mtime_ns);
  return entry.type == file.type && entry.mode == file.mode && entry.uid == file.uid &&
         entry.gid == file.gid && entry.size == file.size && entry.mtime.seconds == seconds &&
         (entry.mtime.nanoseconds == 0 ||
          entry.mtime.nanoseconds == file.mtime_ns - seconds * kNanosecondsASecond);
}

struct Name {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint32_t file = 0;
};

// The names of all files that have several, those of one file next to each other.
std::vector<Name> NamesOf(const HostListing& files) {
  std::vector<Name> names;
  for (uint32_t i = 0; i < files.size(); ++i) {
    const HostFile& file = files.File(i);
    if (file.has_other_names() && files.IsLast(i)) names.push_back({file.device, file.inode, i});
  }
  std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) {
    return std::tie(a.device, a.inode, a.file) < std::tie(b.device, b.inode, b.file);
  });
  return names;
}

}  // namespace

void Layer::Hold(uint32_t file) {
  while (held_.size() < files_.size()) held_.Append(0);
  if (held_[file] == 0 && files_.File(file).has_other_names())
    names_.emplace_back(files_.File(file).device, files_.File(file).inode);
  held_[file] = begins_.size();
}

void Layer::AddEntry(const TarEntry& entry) {
  const auto file = files_.Find(Trimmed(entry.path));
  begins_.Append(entry.header_offset);
  if (!file) return;
  Hold(*file);
  while (as_listed_.size() <= *file) as_listed_.Append(false);
  as_listed_[*file] = SaysTheSame(entry, files_.File(*file));
}

void Layer::AddEntry(uint32_t file, uint64_t begin, bool steady) {
  begins_.Append(begin);
  Hold(file);
  while (steady_.size() <= file) steady_.Append(false);
  steady_[file] = steady;
}

void Layer::SetOrder(const ScratchArray<uint32_t>& order) {
  while (places_.size() < files_.size()) places_.Append(0);
  for (uint32_t place = 0; place < order.size(); ++place) places_[order[place]] = place;
}

std::optional<uint64_t> Layer::PlaceOf(uint32_t file) const {
  if (places_.size() != 0) return places_[file];
  if (IsHeld(file)) return EntryOf(file);
  return std::nullopt;
}

void Layer::LetGo() {
  for (size_t file = 0; file < held_.size(); ++file) held_[file] = 0;
  names_.clear();
}

void Layer::End(uint64_t end_of_entries, std::filesystem::path archive,
                std::shared_ptr<const Sidecar> sidecar) {
  end_of_entries_ = end_of_entries;
  archive_ = std::move(archive);
  sidecar_ = std::move(sidecar);
  std::sort(names_.begin(), names_.end());
}

bool Layer::Holds(uint32_t file, const HostFile& now, std::optional<int64_t> steady_before) const {
  if (file >= held_.size() || held_[file] == 0 || !IsUnchanged(files_.File(file), now))
    return false;
  if (!steady_before) return file < steady_.size() && steady_[file];
  return IsSteady(now, *steady_before);
}

size_t Layer::NamesHeld(const HostFile& file) const {
  const auto [begin, end] =
      std::equal_range(names_.begin(), names_.end(), std::pair(file.device, file.inode));
  return static_cast<size_t>(end - begin);
}

namespace {

// A layer, and what else is to be known to take something from it.
struct LayerView {
  const Layer& layer;
  const std::optional<int64_t> steady_before;
  std::optional<MovedFiles> moved;

  LayerView(const HostListing& now, const Layer& of, std::optional<int64_t> before,
            ScratchMemory& memory)
      : layer(of), steady_before(before) {
    // The last archive's files were compared with what the stopped service had.
    if (before) moved.emplace(now, of, *before, memory);
  }
  // Nothing if the layer does not hold the file, or may hold another one's content.
  [[nodiscard]] std::optional<uint32_t> Held(const HostListing& now, uint32_t file) const {
    const auto held = layer.files().Find(now.PathNumber(file));
    if (!held || !layer.Holds(*held, now.File(file), steady_before)) return std::nullopt;
    if (moved && moved->MayBeAnother(file, *held)) return std::nullopt;
    return held;
  }
};

// Whether a layer holds all these names of one file, as names of one file, and no others.
bool HoldsAll(const LayerView& view, const HostListing& now, std::span<const Name> names) {
  const HostFile* first = nullptr;
  for (const Name& name : names) {
    const auto file = view.Held(now, name.file);
    if (!file) return false;
    const HostFile& held = view.layer.files().File(*file);
    if (first == nullptr) first = &held;
    if (held.device != first->device) return false;
  }
  return view.layer.NamesHeld(*first) == names.size();
}

}  // namespace

ScratchArray<uint8_t> WhereHeld(const HostListing& now, const std::vector<const Layer*>& layers,
                                const std::vector<std::optional<int64_t>>& steady_before,
                                ScratchMemory& memory) {
  std::deque<LayerView> views;
  for (size_t layer = 0; layer < layers.size(); ++layer)
    views.emplace_back(now, *layers[layer], steady_before[layer], memory);
  ScratchArray<uint8_t> where(memory, now.size());
  std::fill_n(where.begin(), now.size(), kNowhere);
  for (uint32_t i = 0; i < now.size(); ++i) {
    memory.Trim();
    if (now.File(i).has_other_names() || !now.IsLast(i)) continue;
    for (size_t layer = layers.size(); layer-- > 0 && where[i] == kNowhere;) {
      if (views[layer].Held(now, i)) where[i] = static_cast<uint8_t>(layer);
    }
  }
  const auto names = NamesOf(now);
  for (auto begin = names.begin(); begin != names.end();) {
    const auto end = std::find_if(begin, names.end(), [&](const Name& name) {
      return name.device != begin->device || name.inode != begin->inode;
    });
    for (size_t layer = layers.size(); layer-- > 0;) {
      if (!HoldsAll(views[layer], now, std::span(begin, end))) continue;
      for (auto name = begin; name != end; ++name) where[name->file] = static_cast<uint8_t>(layer);
      break;
    }
    begin = end;
  }
  return where;
}

}  // namespace orcio::inline archiver

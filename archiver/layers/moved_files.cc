#include "archiver/layers/moved_files.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace orcio::inline archiver {
namespace {

// Of a file: whether one of the directories above it may have been moved.
constexpr uint8_t kUnknown = 0, kNotMoved = 1, kMoved = 2;

}  // namespace

MovedFiles::MovedFiles(const HostListing& now, const Layer& layer, int64_t steady_before,
                       ScratchMemory& memory)
    : now_(now), layer_(layer), memory_(memory) {
  ScratchArray<uint8_t> moved(memory, now.size());
  bool any = false;
  for (uint32_t i = 0; i < now.size(); ++i) {
    memory.Trim();
    moved[i] = now.File(i).type == EntryType::kDirectory && MayHaveMoved(i, steady_before);
    any = any || moved[i] != 0;
  }
  if (any) {
    FindBelow(moved);
    FindTwins();
  }
  moved.Free(memory);
}

MovedFiles::~MovedFiles() {
  if (below_.size() != 0) below_.Free(memory_);
  if (looks_.size() != 0) looks_.Free(memory_);
}

// The one at the top of what is archived stays where it is: nothing below it can move it.
bool MovedFiles::MayHaveMoved(uint32_t directory, int64_t steady_before) const {
  const auto parent = now_.Parent(directory);
  if (!parent) return false;
  const auto before = layer_.files().Find(now_.PathNumber(directory));
  const HostFile& file = now_.File(directory);
  if (!before || layer_.files().File(*before).inode != file.inode) return true;
  return !IsSteady(file, steady_before) && !IsSteady(now_.File(*parent), steady_before);
}

void MovedFiles::FindBelow(const ScratchArray<uint8_t>& moved) {
  below_ = ScratchArray<uint8_t>(memory_, now_.size());
  std::fill_n(below_.begin(), now_.size(), kUnknown);
  std::vector<uint32_t> way;  // up to a directory of which it is known, or the top
  for (uint32_t i = 0; i < now_.size(); ++i) {
    memory_.Trim();
    uint8_t known = kNotMoved;
    way.clear();
    for (std::optional<uint32_t> at = i; at; at = now_.Parent(*at)) {
      if (below_[*at] != kUnknown) {
        known = moved[*at] != 0 ? kMoved : below_[*at];
        break;
      }
      way.push_back(*at);
    }
    for (; !way.empty(); way.pop_back()) {
      below_[way.back()] = known;
      if (moved[way.back()] != 0) known = kMoved;
    }
  }
}

void MovedFiles::FindTwins() {
  const HostListing& files = layer_.files();
  looks_ = ScratchArray<uint64_t>(memory_, files.size());
  for (uint32_t i = 0; i < files.size(); ++i) {
    memory_.Trim();
    looks_[i] = LookOf(i);
  }
  std::sort(looks_.begin(), looks_.begin() + files.size());
}

// By its name, size and time: all that a header tells once the directory has another name. Every
// tar has whole seconds.
uint64_t MovedFiles::LookOf(uint32_t held) const {
  const HostFile& file = layer_.files().File(held);
  const auto path = layer_.files().Path(held);
  const auto seconds = static_cast<uint64_t>(WholeSeconds(file.mtime_ns));
  return hash_(hash_(file.size, path.substr(path.rfind('/') + 1)) ^ seconds, {});
}

bool MovedFiles::MayBeAnother(uint32_t file, uint32_t held) const {
  if (below_.size() == 0 || below_[file] != kMoved) return false;
  // What else there is besides regular files takes no time to read again.
  if (now_.File(file).type != EntryType::kFile || now_.File(file).has_other_names() ||
      !layer_.IsAsListed(held))
    return true;
  const auto [begin, end] =
      std::equal_range(looks_.begin(), looks_.begin() + looks_.size(), LookOf(held));
  return end - begin != 1;
}

}  // namespace orcio::inline archiver

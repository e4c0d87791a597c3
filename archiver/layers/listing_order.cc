#include "archiver/layers/listing_order.h"

#include <algorithm>

namespace orcio::inline archiver {
namespace {

constexpr unsigned kLayerShift = 56;
constexpr uint64_t kNoLayer = uint64_t{0xFF} << kLayerShift;

uint64_t KeyOf(const HostListing& now, uint32_t file, const std::vector<const Layer*>& layers) {
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const auto there = layers[layer]->files().Find(now.PathNumber(file));
    const auto place = there ? layers[layer]->PlaceOf(*there) : std::nullopt;
    if (place) return uint64_t{layer} << kLayerShift | *place;
  }
  return kNoLayer | file;
}

// The children of all directories, one directory's after another's: where each one's begin is in
// `begins`, whose last are those of directories that are not listed.
struct Children {
  ScratchArray<uint32_t> begins;
  ScratchArray<uint32_t> files;
};

Children SortedChildren(const HostListing& now, const std::vector<const Layer*>& layers,
                        ScratchMemory& memory) {
  const uint32_t count = now.size();
  ScratchArray<uint64_t> keys(memory, count);
  ScratchArray<uint32_t> parents(memory, count);
  ScratchArray<uint32_t> begins(memory, count + 2);
  std::fill_n(begins.begin(), count + 2, 0);
  for (uint32_t i = 0; i < count; ++i) {
    memory.Trim();
    keys[i] = KeyOf(now, i, layers);
    // The listing's size if that is not listed.
    parents[i] = now.Parent(i).value_or(count);
    ++begins[parents[i] + 1];
  }
  for (uint32_t i = 0; i <= count; ++i) begins[i + 1] += begins[i];
  ScratchArray<uint32_t> files(memory, count);
  ScratchArray<uint32_t> filled(memory, count + 1);
  std::fill_n(filled.begin(), count + 1, 0);
  for (uint32_t i = 0; i < count; ++i) {
    memory.Trim();
    files[begins[parents[i]] + filled[parents[i]]++] = i;
  }
  for (uint32_t i = 0; i <= count; ++i) {
    std::sort(files.begin() + begins[i], files.begin() + begins[i + 1],
              [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  }
  for (const auto& array : {parents, filled}) array.Free(memory);
  keys.Free(memory);
  return {begins, files};
}

}  // namespace

ScratchArray<uint32_t> ListingOrder(const HostListing& now, const std::vector<const Layer*>& layers,
                                    ScratchMemory& memory) {
  const uint32_t count = now.size();
  const auto [begins, files] = SortedChildren(now, layers, memory);
  ScratchArray<uint32_t> order(memory, count);
  uint32_t placed = 0;
  // The directories that are open: which of their children comes next, and where they end.
  std::vector<std::pair<uint32_t, uint32_t>> open{{begins[count], begins[count + 1]}};
  while (!open.empty()) {
    memory.Trim();
    auto& [next, end] = open.back();
    if (next == end) {
      open.pop_back();
      continue;
    }
    const uint32_t file = files[next++];
    order[placed++] = file;
    if (begins[file] != begins[file + 1]) open.emplace_back(begins[file], begins[file + 1]);
  }
  for (const auto& array : {begins, files}) array.Free(memory);
  return order;
}

}  // namespace orcio::inline archiver

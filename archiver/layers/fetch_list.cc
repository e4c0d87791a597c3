#include "archiver/layers/fetch_list.h"

#include <map>
#include <utility>

#include "archiver/layers/layer.h"

namespace orcio::inline archiver {

FetchList MissingFiles(const HostListing& files, const ScratchArray<uint32_t>& order,
                       const ScratchArray<uint8_t>& where, std::optional<int64_t> steady_before) {
  FetchList list;
  // Where in the list a file's names are, by device and inode.
  std::map<std::pair<uint64_t, uint64_t>, size_t> places;
  for (uint32_t at = 0; at < order.size(); ++at) {
    const uint32_t i = order[at];
    const HostFile& file = files.File(i);
    if (where[i] != kNowhere || !files.IsLast(i)) continue;
    if (steady_before && !IsSteady(file, *steady_before)) continue;
    size_t place = list.names.size();
    if (file.has_other_names())
      place = places.try_emplace({file.device, file.inode}, place).first->second;
    if (place == list.names.size()) {
      list.names.emplace_back();
      list.bytes += file.type == EntryType::kFile ? file.size : 0;
    }
    list.names[place].emplace_back(files.Path(i));
  }
  return list;
}

}  // namespace orcio::inline archiver

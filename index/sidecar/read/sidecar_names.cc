#include <string.h>

#include <algorithm>

#include "base/bytes.h"
#include "index/sidecar/read/checked_map.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/read/sidecar_records.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

Result<uint64_t> NameBegins(const CheckedMap& map, uint64_t id) {
  return uint64_t{ORCIO_TRY(map.Get<format::Node>(SectionId::kNodes, id)).name};
}

// The first node from `from` on whose name begins at `offset` of the names or after. Steps double,
// then halve: if there are many hits, the next one is near.
Result<uint64_t> NodeFrom(const CheckedMap& map, uint64_t from, uint64_t offset) {
  const uint64_t count = map.header().node_count;
  uint64_t step = 1;
  uint64_t end = from;
  while (end < count) {
    const uint64_t begin = ORCIO_TRY(NameBegins(map, end));
    if (begin >= offset) break;
    from = end + 1;
    end += step;
    step *= 2;
  }
  end = std::min(end, count);
  while (from < end) {
    const uint64_t middle = from + (end - from) / 2;
    if (ORCIO_TRY(NameBegins(map, middle)) < offset) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

}  // namespace

// Names stand one after the other in their section: searched as one text, by the bytes, it is a
// third of what the nodes' records are, and nothing is looked at twice.
Result<std::vector<NodeId>> Sidecar::NodesNamed(std::string_view name) const {
  std::vector<NodeId> found;
  if (!IsName(name)) return found;
  map_->WillNeed(SectionId::kNames);
  const std::string_view names =
      AsText(ORCIO_TRY(map_->Bytes(SectionId::kNames, 0, map_->SectionBytes(SectionId::kNames))));
  uint64_t id = 1;
  for (size_t at = 0; at + name.size() <= names.size();) {
    const void* hit = ::memmem(names.data() + at, names.size() - at, name.data(), name.size());
    if (hit == nullptr) break;
    at = static_cast<size_t>(static_cast<const char*>(hit) - names.data());
    id = ORCIO_TRY(NodeFrom(*map_, id, at));
    if (id >= node_count()) break;
    const std::string_view whole = ORCIO_TRY(LoadRawName(*map_, static_cast<NodeId>(id)));
    const bool same = whole.data() == names.data() + at && whole.size() == name.size();
    if (same) found.push_back(static_cast<NodeId>(id++));
    at += same ? name.size() : 1;
  }
  ORCIO_TRY(map_->CheckFault());
  return found;
}

}  // namespace orcio::inline index

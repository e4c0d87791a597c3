#include "retrieve/plan/tree_order.h"

#include <algorithm>
#include <utility>

namespace orcio::inline retrieve {

Result<std::vector<NodeId>> ChildrenByPlace(const Sidecar& sidecar, NodeId directory) {
  const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
  std::vector<std::pair<uint64_t, NodeId>> places;
  places.reserve(children.count);
  for (NodeId child = children.first; child < children.first + children.count; ++child)
    places.emplace_back(ORCIO_TRY(sidecar.Node(child)).header_offset, child);
  std::sort(places.begin(), places.end());
  std::vector<NodeId> ordered;
  ordered.reserve(places.size());
  for (const auto& [place, child] : places) ordered.push_back(child);
  return ordered;
}

}  // namespace orcio::inline retrieve

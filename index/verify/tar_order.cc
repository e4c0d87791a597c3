#include "index/verify/tar_order.h"

#include <algorithm>

namespace orcio::inline index {

Result<TarOrder> TarOrder::Of(const Sidecar& sidecar) {
  TarOrder order(sidecar);
  for (NodeId id = 0; id < sidecar.node_count(); ++id) {
    const NodeInfo node = ORCIO_TRY(sidecar.Node(id));
    if (node.type == EntryType::kFile && node.inode == id)
      order.files_.push_back({node.data_offset, id});
  }
  std::sort(order.files_.begin(), order.files_.end(),
            [](const File& a, const File& b) { return a.tar_offset < b.tar_offset; });
  return order;
}

Result<std::vector<NodeId>> TarOrder::Hit(uint64_t begin, uint64_t end) const {
  std::vector<NodeId> hit;
  // Of those that begin before, only the last reaches up to here.
  auto at = std::partition_point(files_.begin(), files_.end(),
                                 [&](const File& file) { return file.tar_offset < begin; });
  if (at != files_.begin()) --at;
  for (; at != files_.end() && at->tar_offset < end; ++at) {
    const auto extents = ORCIO_TRY(sidecar_->Extents(at->node));
    const bool inside = std::any_of(extents.begin(), extents.end(), [&](const Extent& extent) {
      return extent.tar_offset < end && extent.tar_offset + extent.length > begin;
    });
    if (inside) hit.push_back(at->node);
  }
  return hit;
}

}  // namespace orcio::inline index

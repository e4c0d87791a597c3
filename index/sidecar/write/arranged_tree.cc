#include "index/sidecar/write/arranged_tree.h"

#include <algorithm>
#include <utility>

namespace orcio::inline index {

ArrangedTree::ArrangedTree(TreeParts&& parts)
    : parts_(std::move(parts)),
      order_(parts_.memory, parts_.names.size()),
      directories_(parts_.memory) {
  NumberNodes();
  ChoosePrimaries();
}

void ArrangedTree::NumberNodes() {
  order_[0] = kRootName;
  NameId* end = order_.begin() + 1;
  for (uint32_t node = 0; node < end - order_.begin(); ++node) {
    parts_.memory.Trim();
    const NameId name = order_[node];
    if (!parts_.IsDirectory(name)) continue;
    NameId* const first = end;
    end = parts_.names.CopyChildren(name, end);
    std::sort(first, end, [&](NameId a, NameId b) {
      parts_.memory.Trim();
      return parts_.names.Text(a) < parts_.names.Text(b);
    });
    const auto subdirectories = std::count_if(first, end, [&](NameId child) {
      parts_.memory.Trim();
      return parts_.IsDirectory(child);
    });
    directories_.Append({.node = node,
                         .first_child = static_cast<uint32_t>(first - order_.begin()),
                         .child_count = static_cast<uint32_t>(end - first),
                         .links = static_cast<uint32_t>(2 + subdirectories)});
  }
}

// The name first archived, or the lowest node if that name came to stand for something else.
void ArrangedTree::ChoosePrimaries() {
  constexpr uint32_t kUnset = 0;  // no content but the root's has node 0
  for (uint32_t node = 0; node < order_.size(); ++node) {
    parts_.memory.Trim();
    const TreeName& name = parts_.names[order_[node]];
    TreeContent& content = parts_.At(name.content);
    if (name.first || content.primary == kUnset) content.primary = node;
  }
}

}  // namespace orcio::inline index

#include "index/sidecar/write/tree_parts.h"

#include "index/sidecar/sidecar_format.h"

namespace orcio::inline index {

TreeContent TreeContent::ImpliedDirectory() {
  TreeContent content(EntryType::kDirectory);
  content.mode = 0755;
  content.flags = sidecar_format::kImplied;
  return content;
}

TreeParts::TreeParts(ScratchMemory& scratch)
    : memory(scratch),
      names(scratch),
      contents(scratch),
      rare_fields(scratch),
      extents(scratch),
      digests(scratch),
      texts(scratch),
      attribute_sets(scratch) {
  contents.Append(TreeContent::ImpliedDirectory());
}

}  // namespace orcio::inline index

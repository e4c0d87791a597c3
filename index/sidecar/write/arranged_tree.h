#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/sidecar/sidecar_format.h"
#include "index/sidecar/write/tree_parts.h"

namespace orcio::inline index {

// A tree to which nothing is added any more, its nodes numbered as a sidecar has them: breadth
// first, the names of each directory in the order of their bytes. Not thread-safe.
class ArrangedTree {
 public:
  explicit ArrangedTree(TreeParts&& parts);

  [[nodiscard]] ScratchMemory& memory() const { return parts_.memory; }
  [[nodiscard]] uint32_t node_count() const { return static_cast<uint32_t>(order_.size()); }
  [[nodiscard]] std::string_view NodeName(uint32_t node) const {
    return parts_.names.Text(order_[node]);
  }
  [[nodiscard]] const TreeContent& NodeContent(uint32_t node) const {
    return parts_.ContentOf(order_[node]);
  }
  [[nodiscard]] uint32_t directory_count() const {
    return static_cast<uint32_t>(directories_.size());
  }
  [[nodiscard]] const sidecar_format::Directory& Directory(uint32_t index) const {
    return directories_[index];
  }

  [[nodiscard]] std::string_view LinkTarget(const TreeContent& content) const {
    return parts_.LinkTarget(content);
  }
  // Null if the content has none.
  [[nodiscard]] const RareFields* RareFieldsOf(const TreeContent& content) const {
    return content.rare_fields == 0 ? nullptr : &parts_.rare_fields[content.rare_fields - 1];
  }
  [[nodiscard]] const Sha256Digest* Digest(const TreeContent& content) const {
    return content.digest == 0 ? nullptr : &parts_.digests[content.digest - 1];
  }
  [[nodiscard]] const Extent& ExtentAt(uint64_t index) const { return parts_.extents[index]; }
  // Sets are numbered from 0; each is as the XATT section has it.
  [[nodiscard]] const InternedBytes& attribute_sets() const { return parts_.attribute_sets; }

  [[nodiscard]] uint64_t entry_count() const { return parts_.entry_count; }
  [[nodiscard]] bool any_incomplete() const { return parts_.any_incomplete; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return parts_.warnings; }
  [[nodiscard]] uint64_t warning_count() const { return parts_.warning_count; }

 private:
  void NumberNodes();
  void ChoosePrimaries();

  TreeParts parts_;
  ScratchArray<NameId> order_;  // by node
  ChunkedArray<sidecar_format::Directory> directories_;
};

}  // namespace orcio::inline index

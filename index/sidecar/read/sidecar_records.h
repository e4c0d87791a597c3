#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/sidecar/read/checked_map.h"
#include "index/sidecar/sidecar_format.h"

namespace orcio::inline index {

// A sidecar's records, read and held against the rules of FORMAT.md: checksums say that a record is
// as it was written, not that it was written by us. Whatever breaks a rule is kDamaged.

struct NodeRecord {
  uint32_t id = 0;
  sidecar_format::Node node;
  sidecar_format::Attribute attribute;

  [[nodiscard]] EntryType type() const { return static_cast<EntryType>(attribute.type); }
  [[nodiscard]] bool has(uint16_t flag) const { return (attribute.flags & flag) != 0; }
};

// kInvalid if there is no such node.
[[nodiscard]] Result<NodeRecord> LoadNode(const CheckedMap& map, uint32_t id);
// As LoadNode; for a hard link, the node it is a link to.
[[nodiscard]] Result<NodeRecord> LoadInode(const CheckedMap& map, uint32_t id);
// kInvalid if the node is no directory.
[[nodiscard]] Result<sidecar_format::Directory> LoadDirectory(const CheckedMap& map, uint32_t id);
// The directory whose child `id` is; not for the root.
[[nodiscard]] Result<sidecar_format::Directory> LoadParent(const CheckedMap& map, uint32_t id);
// As the NAME section has it; not yet a name one could trust. Points into the map: call CheckFault.
[[nodiscard]] Result<std::string_view> LoadRawName(const CheckedMap& map, uint32_t id);
// Whether `name` can stand in a directory.
[[nodiscard]] bool IsName(std::string_view name);

// The EXTR record of a node whose flags or fields say that it has one.
[[nodiscard]] Result<uint64_t> LoadExtra(const CheckedMap& map, uint32_t id,
                                         sidecar_format::ExtraKind kind);

struct NodePlace {
  uint64_t header_offset = 0;
  uint64_t data_offset = 0;
};
[[nodiscard]] Result<NodePlace> LoadPlace(const CheckedMap& map, const NodeRecord& record);
[[nodiscard]] Result<Timestamp> LoadTime(const CheckedMap& map, const NodeRecord& record);

// kDamaged, about the node's record.
[[nodiscard]] Failure FailNode(const CheckedMap& map, uint32_t id, std::string_view what);

}  // namespace orcio::inline index

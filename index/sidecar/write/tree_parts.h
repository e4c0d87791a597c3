#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory/chunked_array.h"
#include "base/memory/interned_bytes.h"
#include "base/memory/scratch_memory.h"
#include "index/entry/entry.h"
#include "index/sidecar/write/name_table.h"

namespace orcio::inline index {

// What stands behind one name, or behind several that are hard links of each other.
struct TreeContent {
  explicit TreeContent(EntryType of = EntryType::kFile) : type(of) {}
  [[nodiscard]] static TreeContent ImpliedDirectory();

  [[nodiscard]] bool Is(EntryType of) const { return type == of; }
  [[nodiscard]] bool IsDevice() const {
    return Is(EntryType::kCharacterDevice) || Is(EntryType::kBlockDevice);
  }
  [[nodiscard]] bool Has(uint16_t flag) const { return (flags & flag) != 0; }

  // Of a file, holes included; 0 of anything else.
  [[nodiscard]] uint64_t FileBytes() const { return Is(EntryType::kFile) ? by_type_ : 0; }
  void SetFileBytes(uint64_t bytes) { by_type_ = bytes; }
  // Of a symlink: its target among TreeParts::texts.
  [[nodiscard]] uint64_t TargetPlace() const { return by_type_ >> 16; }
  [[nodiscard]] size_t TargetBytes() const { return by_type_ & 0xFFFF; }
  void SetTarget(uint64_t text, size_t bytes) { by_type_ = text << 16 | bytes; }
  // Of a device: major << 32 | minor; 0 of anything else.
  [[nodiscard]] uint64_t Device() const { return IsDevice() ? by_type_ : 0; }
  void SetDevice(uint32_t major, uint32_t minor) { by_type_ = uint64_t{major} << 32 | minor; }
  // Of a directory: the names in it; 0 of anything else.
  [[nodiscard]] uint64_t Children() const { return Is(EntryType::kDirectory) ? by_type_ : 0; }
  void SetChildren(uint64_t names) { by_type_ = names; }

  uint64_t place = 0;    // as in sidecar_format::Node
  int64_t mtime_ns = 0;  // or kMtimeInExtra, then in the rare fields
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint16_t mode = 0;
  EntryType type;
  uint8_t flags = 0;         // sidecar_format::AttributeFlags, all but kHasLinks
  uint32_t digest = 0;       // index + 1; 0 for none
  uint32_t rare_fields = 0;  // index + 1; 0 for none
  uint32_t attributes = 0;   // index + 1 of a set; 0 for none
  uint32_t links = 1;        // names
  uint32_t primary = 0;      // the node that stands for all names, once arranged

 private:
  uint64_t by_type_ = 0;  // one number for each type: 56 bytes a content, and trees have millions
};
static_assert(sizeof(TreeContent) == 56);

// The fields of a node that few files have.
struct RareFields {
  Timestamp mtime;
  uint64_t header_blocks = 0;
  uint64_t first_extent = 0;
  uint64_t extent_count = 0;
};

// What a tree is made of, while it is under construction and when it is arranged. It stands in
// scratch memory, which outlives it.
struct TreeParts {
  explicit TreeParts(ScratchMemory& scratch);

  [[nodiscard]] TreeContent& At(ContentId id) { return contents[static_cast<uint32_t>(id)]; }
  [[nodiscard]] const TreeContent& At(ContentId id) const {
    return contents[static_cast<uint32_t>(id)];
  }
  [[nodiscard]] TreeContent& ContentOf(NameId name) { return At(names[name].content); }
  [[nodiscard]] const TreeContent& ContentOf(NameId name) const { return At(names[name].content); }
  [[nodiscard]] bool IsDirectory(NameId name) const {
    return ContentOf(name).Is(EntryType::kDirectory);
  }
  // Of a symlink.
  [[nodiscard]] std::string_view LinkTarget(const TreeContent& content) const {
    return texts.At(content.TargetPlace(), content.TargetBytes());
  }

  ScratchMemory& memory;
  NameTable names;
  ChunkedArray<TreeContent> contents;  // by ContentId
  ChunkedArray<RareFields> rare_fields;
  ChunkedArray<Extent> extents;
  ChunkedArray<Sha256Digest> digests;
  TextArena texts;               // symlink targets
  InternedBytes attribute_sets;  // each as the XATT section has it
  uint64_t entry_count = 0;
  bool any_incomplete = false;
  std::vector<std::string> warnings;
  uint64_t warning_count = 0;
};

}  // namespace orcio::inline index

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/memory/chunked_array.h"
#include "base/memory/keyed_hash.h"
#include "base/memory/scratch_memory.h"

namespace orcio {

// A name in a tree under construction. Names are added and never removed: nothing that `tar x` does
// leaves a directory with fewer names than before.
struct TreeName {
  uint32_t parent = 0;    // of the names; its index is always lower
  uint32_t text = 0;      // in the table's texts
  uint32_t content = 0;   // what the name stands for now
  uint32_t children = 0;  // index + 1 of the names below it; 0 for none
  uint16_t text_bytes = 0;
  bool first = false;  // of the names of its content
};
static_assert(sizeof(TreeName) == 20);

// All names of a tree, found by directory and text. Index 0 is the root, nameless. Each directory
// has a hash table of its own: a tar stays within one for long, and so do the pages of memory that
// are touched. They stand in scratch memory, which outlives this.
class NameTable {
 public:
  explicit NameTable(ScratchMemory& memory);

  [[nodiscard]] std::optional<uint32_t> Find(uint32_t parent, std::string_view text) const;
  // `text` must not be there yet, has at most TextArena::kMaxTextBytes bytes, and the table has
  // room for it.
  uint32_t Add(uint32_t parent, std::string_view text);
  // Whether `names` more of `bytes` together can be added.
  [[nodiscard]] bool HasRoom(uint64_t names, uint64_t bytes, uint64_t max_names) const;

  [[nodiscard]] TreeName& operator[](uint32_t index) { return names_[index]; }
  [[nodiscard]] const TreeName& operator[](uint32_t index) const { return names_[index]; }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(names_.size()); }
  [[nodiscard]] std::string_view Text(uint32_t index) const {
    return texts_.At(names_[index].text, names_[index].text_bytes);
  }
  // Writes the names right below `parent` to `to`, in no order, and returns the place behind them.
  // There are never more than size() - 1 below all directories together.
  uint32_t* CopyChildren(uint32_t parent, uint32_t* to) const;

 private:
  // With the hash beside it, a look at another name touches nothing but its slot.
  struct Slot {
    uint32_t name = 0;  // 0 where free: the root is nobody's child
    uint32_t hash = 0;
  };
  struct Children {
    ScratchArray<Slot> slots;  // open addressing; a power of two
    uint32_t count = 0;
  };

  [[nodiscard]] uint32_t Hash(std::string_view text) const;
  [[nodiscard]] Children& ChildrenOf(uint32_t parent);
  [[nodiscard]] ScratchArray<Slot> NewSlots(size_t size);
  void Grow(Children& children);

  ScratchMemory& memory_;
  const KeyedHash hash_;
  ChunkedArray<TreeName> names_;
  TextArena texts_;
  ChunkedArray<Children> children_;
};

}  // namespace orcio

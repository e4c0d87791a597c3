#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/memory/chunked_array.h"
#include "base/memory/keyed_hash.h"
#include "base/memory/scratch_memory.h"

namespace orcio::inline index {

// Which of a tree's names, and which of the contents that they stand for: two kinds of numbers that
// must not be mistaken for each other, nor for a node's.
enum class NameId : uint32_t {};
enum class ContentId : uint32_t {};
inline constexpr NameId kRootName{0};

// A name in a tree under construction. Names are added and never removed: nothing that `tar x` does
// leaves a directory with fewer names than before.
struct TreeName {
  NameId parent{};        // always a lower number
  uint32_t text = 0;      // in the table's texts
  ContentId content{};    // what the name stands for now
  uint32_t children = 0;  // index + 1 of the names below it; 0 for none
  uint16_t text_bytes = 0;
  bool first = false;  // of the names of its content
};
static_assert(sizeof(TreeName) == 20);

// All names of a tree, found by directory and text. The root is nameless. Each directory
// has a hash table of its own: a tar stays within one for long, and so do the pages of memory that
// are touched. They stand in scratch memory, which outlives this.
class NameTable {
 public:
  explicit NameTable(ScratchMemory& memory);

  [[nodiscard]] std::optional<NameId> Find(NameId parent, std::string_view text) const;
  // `text` must not be there yet, has at most TextArena::kMaxTextBytes bytes, and the table has
  // room for it.
  NameId Add(NameId parent, std::string_view text);
  // Whether `names` more of `bytes` together can be added.
  [[nodiscard]] bool HasRoom(uint64_t names, uint64_t bytes, uint64_t max_names) const;

  [[nodiscard]] TreeName& operator[](NameId name) { return names_[static_cast<uint32_t>(name)]; }
  [[nodiscard]] const TreeName& operator[](NameId name) const {
    return names_[static_cast<uint32_t>(name)];
  }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(names_.size()); }
  [[nodiscard]] std::string_view Text(NameId name) const {
    const TreeName& found = (*this)[name];
    return texts_.At(found.text, found.text_bytes);
  }
  // Writes the names right below `parent` to `to`, in no order, and returns the place after them.
  // There are never more than size() - 1 below all directories together.
  NameId* CopyChildren(NameId parent, NameId* to) const;

 private:
  // With the hash beside it, a look at another name touches nothing but its slot.
  struct Slot {
    NameId name{};  // the root, which is nobody's child, if free
    uint32_t hash = 0;
  };
  struct Children {
    ScratchArray<Slot> slots;  // open addressing; a power of two
    uint32_t count = 0;
  };

  [[nodiscard]] uint32_t Hash(std::string_view text) const;
  [[nodiscard]] Children& ChildrenOf(NameId parent);
  [[nodiscard]] ScratchArray<Slot> NewSlots(size_t size);
  void Grow(Children& children);

  ScratchMemory& memory_;
  const KeyedHash hash_;
  ChunkedArray<TreeName> names_;
  TextArena texts_;
  ChunkedArray<Children> children_;
};

}  // namespace orcio::inline index

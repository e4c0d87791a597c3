#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "index/chunked_array.h"

namespace orcio {

// A name in a tree under construction. Names are added and never removed: nothing that `tar x` does
// leaves a directory with fewer names than before.
struct TreeName {
  uint32_t parent = 0;   // of the names; its index is always lower
  uint32_t text = 0;     // in the table's texts
  uint32_t hash = 0;     // of parent and text
  uint32_t content = 0;  // what the name stands for now
  uint16_t text_bytes = 0;
  bool first = false;  // of the names of its content
};

// All names of a tree, found by directory and text. Index 0 is the root, nameless. The hash is
// keyed at random, so that no tar can be made whose names all collide.
class NameTable {
 public:
  NameTable();

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

 private:
  [[nodiscard]] uint32_t Hash(uint32_t parent, std::string_view text) const;
  void Insert(uint32_t index);
  void Grow();

  ChunkedArray<TreeName> names_;
  TextArena texts_;
  std::vector<uint32_t>
      table_;  // open addressing; a power of two; 0 where free: the root has no name
  std::array<uint64_t, 3> key_;
};

}  // namespace orcio

#include "index/sidecar/write/name_table.h"

#include <algorithm>

namespace orcio::inline index {
namespace {

constexpr size_t kFewestSlots = 4;

template <class Slots, class Slot>
void Insert(Slots& slots, Slot slot) {
  const size_t mask = slots.size() - 1;
  size_t at = slot.hash & mask;
  while (slots[at].name != kRootName) at = (at + 1) & mask;
  slots[at] = slot;
}

}  // namespace

NameTable::NameTable(ScratchMemory& memory)
    : memory_(memory), names_(memory), texts_(memory), children_(memory) {
  names_.Append({.text = static_cast<uint32_t>(texts_.Add({})), .first = true});
}

uint32_t NameTable::Hash(std::string_view text) const {
  return static_cast<uint32_t>(hash_(0, text));
}

std::optional<NameId> NameTable::Find(NameId parent, std::string_view text) const {
  const uint32_t number = (*this)[parent].children;
  if (number == 0) return std::nullopt;
  const ScratchArray<Slot>& slots = children_[number - 1].slots;
  const uint32_t hash = Hash(text);
  const size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at].name != kRootName; at = (at + 1) & mask) {
    if (slots[at].hash == hash && Text(slots[at].name) == text) return slots[at].name;
  }
  return std::nullopt;
}

NameId NameTable::Add(NameId parent, std::string_view text) {
  const NameId name{static_cast<uint32_t>(names_.size())};
  names_.Append({.parent = parent,
                 .text = static_cast<uint32_t>(texts_.Add(text)),
                 .text_bytes = static_cast<uint16_t>(text.size())});
  Children& children = ChildrenOf(parent);
  if (++children.count > children.slots.size() / 4 * 3) Grow(children);
  Insert(children.slots, Slot{name, Hash(text)});
  return name;
}

bool NameTable::HasRoom(uint64_t names, uint64_t bytes, uint64_t max_names) const {
  // Each name may leave almost its own length free at the end of a chunk of texts.
  return names_.size() + names <= max_names && texts_.end() + 2 * bytes <= UINT32_MAX;
}

NameId* NameTable::CopyChildren(NameId parent, NameId* to) const {
  const uint32_t number = (*this)[parent].children;
  if (number == 0) return to;
  const ScratchArray<Slot>& slots = children_[number - 1].slots;
  for (size_t at = 0; at < slots.size(); ++at) {
    if (slots[at].name != kRootName) *to++ = slots[at].name;
  }
  return to;
}

NameTable::Children& NameTable::ChildrenOf(NameId parent) {
  uint32_t& number = (*this)[parent].children;
  if (number == 0) {
    children_.Append({.slots = NewSlots(kFewestSlots)});
    number = static_cast<uint32_t>(children_.size());
  }
  return children_[number - 1];
}

ScratchArray<NameTable::Slot> NameTable::NewSlots(size_t size) {
  ScratchArray<Slot> slots(memory_, size);
  std::fill_n(slots.begin(), size, Slot{});
  return slots;
}

void NameTable::Grow(Children& children) {
  const ScratchArray<Slot> old = children.slots;
  children.slots = NewSlots(old.size() * 2);
  for (size_t at = 0; at < old.size(); ++at) {
    if (old[at].name != kRootName) Insert(children.slots, old[at]);
  }
  old.Free(memory_);
}

}  // namespace orcio::inline index

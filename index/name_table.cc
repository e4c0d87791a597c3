#include "index/name_table.h"

#include <cstring>
#include <random>

namespace orcio {
namespace {

uint64_t Fold(uint64_t a, uint64_t b) {
  auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

NameTable::NameTable() : table_(1024) {
  std::random_device random;
  for (uint64_t& word : key_) word = (uint64_t{random()} << 32 | random()) | 1;
  names_.Append({.text = static_cast<uint32_t>(texts_.Add({})), .first = true});
}

uint32_t NameTable::Hash(uint32_t parent, std::string_view text) const {
  uint64_t hash = Fold(key_[0] ^ parent, key_[1]);
  while (!text.empty()) {
    uint64_t word = 0;
    size_t taken = text.size() < sizeof(word) ? text.size() : sizeof(word);
    std::memcpy(&word, text.data(), taken);
    text.remove_prefix(taken);
    hash = Fold(hash ^ word ^ taken, key_[2]);
  }
  return static_cast<uint32_t>(Fold(hash, key_[1]));
}

std::optional<uint32_t> NameTable::Find(uint32_t parent, std::string_view text) const {
  uint32_t hash = Hash(parent, text);
  size_t mask = table_.size() - 1;
  for (size_t at = hash & mask; table_[at] != 0; at = (at + 1) & mask) {
    const TreeName& name = names_[table_[at]];
    if (name.hash == hash && name.parent == parent && Text(table_[at]) == text) return table_[at];
  }
  return std::nullopt;
}

uint32_t NameTable::Add(uint32_t parent, std::string_view text) {
  auto index = static_cast<uint32_t>(names_.size());
  names_.Append({.parent = parent,
                 .text = static_cast<uint32_t>(texts_.Add(text)),
                 .hash = Hash(parent, text),
                 .text_bytes = static_cast<uint16_t>(text.size())});
  if (names_.size() > table_.size() / 4 * 3) {
    Grow();
  } else {
    Insert(index);
  }
  return index;
}

bool NameTable::HasRoom(uint64_t names, uint64_t bytes, uint64_t max_names) const {
  // Each name may leave almost its own length free at the end of a chunk of texts.
  return names_.size() + names <= max_names && texts_.end() + 2 * bytes <= UINT32_MAX;
}

void NameTable::Insert(uint32_t index) {
  size_t mask = table_.size() - 1;
  size_t at = names_[index].hash & mask;
  while (table_[at] != 0) at = (at + 1) & mask;
  table_[at] = index;
}

void NameTable::Grow() {
  size_t size = table_.size() * 2;
  table_ = std::vector<uint32_t>();  // freed first: the names have all it takes to make another
  table_ = std::vector<uint32_t>(size);
  for (uint32_t index = 1; index < names_.size(); ++index) Insert(index);
}

}  // namespace orcio

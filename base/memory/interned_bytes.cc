#include "base/memory/interned_bytes.h"

#include <algorithm>

namespace orcio {
namespace {

constexpr size_t kFirstTableSize = 64;

}  // namespace

InternedBytes::InternedBytes(ScratchMemory& memory)
    : memory_(memory), kept_(memory), table_(memory, kFirstTableSize) {
  std::fill_n(table_.begin(), table_.size(), 0);
}

uint32_t InternedBytes::Intern(std::string_view bytes) {
  const uint64_t hash = hash_(0, bytes);
  if (const auto number = Find(hash, bytes)) return *number;
  const std::string_view kept = Keep(bytes);
  kept_.Append({kept.data(), kept.size(), hash});
  total_bytes_ += kept.size();
  const uint32_t number = size() - 1;
  if (kept_.size() > table_.size() / 4 * 3) {
    Grow();
  } else {
    Insert(number);
  }
  return number;
}

std::optional<uint32_t> InternedBytes::Find(std::string_view bytes) const {
  return Find(hash_(0, bytes), bytes);
}

std::optional<uint32_t> InternedBytes::Find(uint64_t hash, std::string_view bytes) const {
  const size_t mask = table_.size() - 1;
  for (size_t at = hash & mask; table_[at] != 0; at = (at + 1) & mask) {
    const uint32_t number = table_[at] - 1;
    if (kept_[number].hash == hash && At(number) == bytes) return number;
  }
  return std::nullopt;
}

std::string_view InternedBytes::At(uint32_t number) const {
  return {kept_[number].begin, kept_[number].bytes};
}

std::string_view InternedBytes::Keep(std::string_view bytes) {
  char* begin = reinterpret_cast<char*>(memory_.Allocate(bytes.size()));
  bytes.copy(begin, bytes.size());
  return {begin, bytes.size()};
}

void InternedBytes::Insert(uint32_t number) {
  const size_t mask = table_.size() - 1;
  size_t at = kept_[number].hash & mask;
  while (table_[at] != 0) at = (at + 1) & mask;
  table_[at] = number + 1;
}

void InternedBytes::Grow() {
  const ScratchArray<uint32_t> old = table_;
  table_ = ScratchArray<uint32_t>(memory_, old.size() * 2);
  std::fill_n(table_.begin(), table_.size(), 0);
  for (uint32_t number = 0; number < size(); ++number) Insert(number);
  old.Free(memory_);
}

}  // namespace orcio

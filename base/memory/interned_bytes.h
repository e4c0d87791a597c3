#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/memory/chunked_array.h"
#include "base/memory/keyed_hash.h"
#include "base/memory/scratch_memory.h"

namespace orcio {

// Strings of bytes, each kept once, numbered from 0 in the order in which they were first seen.
// They stand in scratch memory, which outlives this. Not thread-safe.
class InternedBytes {
 public:
  explicit InternedBytes(ScratchMemory& memory);

  // The number of `bytes`, which are kept if they are new. At most 2^32 - 2 strings.
  uint32_t Intern(std::string_view bytes);
  [[nodiscard]] std::optional<uint32_t> Find(std::string_view bytes) const;
  [[nodiscard]] std::string_view At(uint32_t number) const;
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(kept_.size()); }
  [[nodiscard]] uint64_t total_bytes() const { return total_bytes_; }

 private:
  struct Kept {
    const char* begin = nullptr;
    size_t bytes = 0;
    uint64_t hash = 0;
  };
  [[nodiscard]] std::optional<uint32_t> Find(uint64_t hash, std::string_view bytes) const;
  [[nodiscard]] std::string_view Keep(std::string_view bytes);
  void Insert(uint32_t number);
  void Grow();

  ScratchMemory& memory_;
  const KeyedHash hash_;
  ChunkedArray<Kept> kept_;
  // Open addressing, a power of two; a number + 1, or 0 if free.
  ScratchArray<uint32_t> table_;
  uint64_t total_bytes_ = 0;
};

}  // namespace orcio

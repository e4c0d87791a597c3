#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/memory/scratch_memory.h"

namespace orcio {

// A growing array of small values in chunks of scratch memory, which outlives it: growing never
// copies, so it never needs half as much again for a moment as std::vector does.
template <class T>
class ChunkedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  explicit ChunkedArray(ScratchMemory& memory) : memory_(memory) {}

  [[nodiscard]] T& operator[](size_t index) {
    return chunks_[index / kChunkItems][index % kChunkItems];
  }
  [[nodiscard]] const T& operator[](size_t index) const {
    return chunks_[index / kChunkItems][index % kChunkItems];
  }
  [[nodiscard]] size_t size() const { return size_; }

  void Append(const T& value) {
    if (size_ == chunks_.size() * kChunkItems)
      chunks_.push_back(reinterpret_cast<T*>(memory_.Allocate(kChunkItems * sizeof(T))));
    (*this)[size_++] = value;
  }

 private:
  static constexpr size_t kChunkItems = 4096;
  ScratchMemory& memory_;
  std::vector<T*> chunks_;
  size_t size_ = 0;
};

// Keeps short texts in scratch memory, which outlives it, at places of one number each.
class TextArena {
 public:
  explicit TextArena(ScratchMemory& memory) : memory_(memory) {}

  static constexpr size_t kMaxTextBytes = 65535;

  // Returns the text's place. At most kMaxTextBytes bytes.
  uint64_t Add(std::string_view text) {
    if (chunks_.empty() || used_ + text.size() > kChunkBytes) {
      chunks_.push_back(reinterpret_cast<char*>(memory_.Allocate(kChunkBytes)));
      used_ = 0;
    }
    uint64_t place = (chunks_.size() - 1) * kChunkBytes + used_;
    text.copy(chunks_.back() + used_, text.size());
    used_ += text.size();
    return place;
  }
  [[nodiscard]] std::string_view At(uint64_t place, size_t bytes) const {
    return {chunks_[place / kChunkBytes] + place % kChunkBytes, bytes};
  }
  // No place handed out next will be above this.
  [[nodiscard]] uint64_t end() const { return (chunks_.size() + 1) * kChunkBytes; }

 private:
  static constexpr size_t kChunkBytes = size_t{1} << 20;
  ScratchMemory& memory_;
  std::vector<char*> chunks_;
  size_t used_ = 0;  // of the last chunk
};

}  // namespace orcio

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace orcio {

// Memory for what is built up of millions of small records and let go all at once. Up to a limit it
// is the process's own; beyond, it is mapped from a file without a name, so that the kernel can
// write it out and the process need not keep it resident. What is in that file is gone with the
// process, however that ends. If no such file can be made or it cannot grow (a full disk, a
// filesystem without fallocate), all is the process's own memory: slower machines, not failed runs.
// Not thread-safe.
class ScratchMemory {
 public:
  struct Limits {
    size_t own_bytes = size_t{48} << 20;       // of memory before the file is begun
    size_t resident_bytes = size_t{48} << 20;  // of the file, as far as Trim is called often enough
  };

  // The file, if it comes to that, is made in `directory`, which an empty path says there is none.
  explicit ScratchMemory(std::filesystem::path directory = {})
      : ScratchMemory(std::move(directory), {}) {}
  ScratchMemory(std::filesystem::path directory, Limits limits);
  ~ScratchMemory();
  ScratchMemory(const ScratchMemory&) = delete;
  ScratchMemory& operator=(const ScratchMemory&) = delete;

  // At least `bytes` bytes of any content, aligned to 16, in place for this object's life or until
  // they are freed. Throws std::bad_alloc.
  [[nodiscard]] std::byte* Allocate(size_t bytes);
  // Gives back what Allocate gave for the same `bytes`, for later calls to use.
  void Free(std::byte* address, size_t bytes);

  // Lets go of the file's pages if more than resident_bytes of them are resident. To be called
  // before each item that is looked at or added: it looks only once in a few hundred calls.
  void Trim() {
    if (file_bytes_ != 0 && ++trims_ % kItemsBetweenLooks == 0) TrimNow();
  }

  [[nodiscard]] uint64_t own_bytes() const { return own_bytes_; }
  [[nodiscard]] uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Segment {
    std::byte* begin = nullptr;
    size_t bytes = 0;
    bool in_file = false;
  };
  // The next free block of the same size stands in the first bytes of each.
  struct FreeBlock {
    FreeBlock* next;
  };

  // Each item may bring in some 64 KiB from the kernel's cache: it maps pages around a fault.
  static constexpr uint32_t kItemsBetweenLooks = 256;

  void AddSegment(size_t bytes);
  [[nodiscard]] std::byte* MapOwn(size_t bytes);
  [[nodiscard]] std::byte* MapFile(size_t bytes);
  [[nodiscard]] bool OpenFile();
  void TrimNow();
  [[nodiscard]] uint64_t ResidentFileBytes() const;

  const std::filesystem::path directory_;
  const Limits limits_;
  UniqueFd file_;
  bool no_file_ = false;  // it was tried
  uint64_t own_bytes_ = 0;
  uint64_t file_bytes_ = 0;
  std::vector<Segment> segments_;
  std::span<std::byte> free_;                 // of the last segment
  std::array<FreeBlock*, 64> free_blocks_{};  // by the power of two that is their size
  uint32_t trims_ = 0;
  UniqueFd statm_;
  uint64_t resident_before_ = 0;  // bytes of other files' pages, when ours were last let go of
};

// An array of fixed size in scratch memory, which outlives it; its items are as they come. Copies
// are the same array.
template <class T>
class ScratchArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  ScratchArray() = default;
  ScratchArray(ScratchMemory& memory, size_t size)
      : items_(reinterpret_cast<T*>(memory.Allocate(size * sizeof(T)))), size_(size) {}

  [[nodiscard]] T& operator[](size_t index) { return items_[index]; }
  [[nodiscard]] const T& operator[](size_t index) const { return items_[index]; }
  [[nodiscard]] T* begin() { return items_; }
  [[nodiscard]] const T* begin() const { return items_; }
  [[nodiscard]] size_t size() const { return size_; }
  // For later arrays of the same size. `memory` is where it came from.
  void Free(ScratchMemory& memory) const {
    memory.Free(reinterpret_cast<std::byte*>(items_), size_ * sizeof(T));
  }

 private:
  T* items_ = nullptr;
  size_t size_ = 0;
};

}  // namespace orcio

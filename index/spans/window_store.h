#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/files/part_file.h"

namespace orcio::inline index {

// The packed windows of an archive that is being indexed, one after the other, until the sidecar
// has its other sections: in memory as long as they are few, then in a file that goes away with the
// store. Not thread-safe.
class WindowStore {
 public:
  // What is kept in memory, in bytes.
  static constexpr size_t kMemoryBytes = size_t{16} << 20;

  // `sidecar` is the file that they are meant for: theirs is beside it, under a hidden name.
  WindowStore(const FileSystem& files, std::filesystem::path sidecar,
              size_t memory_bytes = kMemoryBytes)
      : files_(files), sidecar_(std::move(sidecar)), memory_bytes_(memory_bytes) {}

  // Returns the offset of `packed`.
  [[nodiscard]] Result<uint64_t> Append(std::span<const std::byte> packed);
  // A packed window.
  [[nodiscard]] Result<std::vector<std::byte>> Read(uint64_t offset, uint32_t bytes) const;
  // Hands out all bytes, in order.
  [[nodiscard]] Result<void> ReadAll(
      const std::function<void(std::span<const std::byte>)>& sink) const;
  [[nodiscard]] uint64_t bytes() const { return spilled_bytes_ + recent_.size(); }

 private:
  const FileSystem& files_;
  std::filesystem::path sidecar_;
  size_t memory_bytes_;
  std::vector<std::byte> recent_;
  uint64_t spilled_bytes_ = 0;
  std::optional<PartFile> spilled_;
};

}  // namespace orcio::inline index

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// An archive's bytes, front to back.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Returns how many bytes it put into `into`: 0 at the end.
  [[nodiscard]] virtual Result<size_t> Read(std::span<std::byte> into) = 0;
};

// A stretch of a file.
class FileSource : public ByteSource {
 public:
  // `file` outlives the source. `name` is for messages.
  FileSource(const RandomAccess& file, uint64_t offset, uint64_t bytes)
      : file_(file), offset_(offset), left_(bytes) {}
  [[nodiscard]] Result<size_t> Read(std::span<std::byte> into) override;

 private:
  const RandomAccess& file_;
  uint64_t offset_;
  uint64_t left_;
};

// What a decoder reads from: the next bytes of a source, as many at a time as it asks for.
class InputBuffer {
 public:
  // `source` outlives the buffer, and begins at `offset` of the archive.
  InputBuffer(ByteSource& source, uint64_t offset, size_t capacity)
      : source_(source), bytes_(capacity), offset_(offset) {}

  // Reads on until `least` bytes are there, at most the capacity, or the source has ended.
  [[nodiscard]] Result<void> Fill(size_t least);
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::span(bytes_).subspan(begin_, end_ - begin_);
  }
  void Skip(size_t count) {
    begin_ += count;
    offset_ += count;
  }
  // Where bytes() begins in the archive.
  [[nodiscard]] uint64_t offset() const { return offset_; }

 private:
  ByteSource& source_;
  std::vector<std::byte> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_;
  bool ended_ = false;
};

}  // namespace orcio::inline index

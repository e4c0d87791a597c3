#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/sidecar_format.h"

namespace orcio::inline index {

using sidecar_format::SectionId;

// Tells, before a section is written, where in it things will stand. Whoever writes the section
// then has to go through the same things in the same order, and SectionWriter::CheckEnd says
// whether it came to as many bytes.
class PlaceCounter {
 public:
  // The offset of the next thing, of `bytes` bytes.
  uint64_t Take(uint64_t bytes) { return std::exchange(end_, end_ + bytes); }
  [[nodiscard]] uint64_t end() const { return end_; }

 private:
  uint64_t end_ = 0;
};

// Writes a sidecar's sections front to back, and the checksums of its blocks after them. Holds a
// buffer and 4 bytes for each 4 KiB written.
class SectionWriter {
 public:
  explicit SectionWriter(WritableFile& file);

  // What follows belongs to section `id`.
  void Begin(SectionId id, size_t alignment = sidecar_format::kSectionAlignment);
  void Append(std::span<const std::byte> bytes);
  template <class Record>
  void AppendRecord(const Record& record) {
    Append(std::as_bytes(std::span(&record, 1)));
  }
  // The section ends here, and others refer to places in it that `counted` gave out. If it has
  // not as many bytes as that counted, these would point at something else: Finish is kInvalid
  // then.
  void CheckEnd(const PlaceCounter& counted);
  // Writes the checksums and `header`, whose section_count, sidecar_bytes and checksum_root are set
  // here. The first error of any write so far comes out here.
  [[nodiscard]] Result<void> Finish(sidecar_format::Header header);

 private:
  [[nodiscard]] uint64_t position() const { return flushed_ + buffer_.size(); }
  void Pad(size_t alignment);
  void EndSection();
  void Flush();
  [[nodiscard]] uint32_t AppendChecksums();

  WritableFile& file_;
  std::vector<std::byte> buffer_;
  uint64_t flushed_ = 0;             // bytes, of the file
  std::vector<uint32_t> checksums_;  // of every block flushed, from block 1
  std::vector<sidecar_format::Section> sections_;
  Result<void> result_;
};

}  // namespace orcio::inline index

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/sidecar_format.h"

namespace orcio::inline index {

using sidecar_format::SectionId;

// A sidecar's bytes, mapped, by section. Each block is checked against its checksum before its
// first byte is handed out, and never again. What is in them may still be nonsense: records with
// good checksums can be made by anyone. Thread-safe; locks nothing.
class CheckedMap {
 public:
  // As Sidecar::Open. Reads the header's block only.
  [[nodiscard]] static Result<std::unique_ptr<CheckedMap>> Open(const FileSystem& files,
                                                                const std::filesystem::path& path);

  [[nodiscard]] const sidecar_format::Header& header() const { return header_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Bytes. 0 for an optional section that is not there.
  [[nodiscard]] uint64_t SectionBytes(SectionId section) const { return At(section).bytes; }
  template <class Record>
  [[nodiscard]] uint64_t Count(SectionId section) const {
    return SectionBytes(section) / sizeof(Record);
  }

  // kDamaged if the section does not reach that far, or a block of it is off. They point into
  // the map: call CheckFault when done with them.
  [[nodiscard]] Result<std::span<const std::byte>> Bytes(SectionId section, uint64_t offset,
                                                         uint64_t count) const;
  // All of a section is about to be read: one large read of the disk instead of many small ones.
  void WillNeed(SectionId section) const;
  // A copy of record `index` of a section of such records.
  template <class Record>
  [[nodiscard]] Result<Record> Get(SectionId section, uint64_t index) const {
    static_assert(std::is_trivially_copyable_v<Record>);
    if (index >= Count<Record>(section)) return FailRange(section, index * sizeof(Record));
    auto bytes = ORCIO_TRY(Bytes(section, index * sizeof(Record), sizeof(Record)));
    Record record;
    std::memcpy(&record, bytes.data(), sizeof(record));
    ORCIO_TRY(CheckFault());
    return record;
  }

  // kIo once a page of the file could not be read: bytes taken from the map may have been zeros.
  [[nodiscard]] Result<void> CheckFault() const;
  // Checks every block.
  [[nodiscard]] Result<void> CheckAll() const;

  // For contents that contradict the format, at `offset` in the section.
  [[nodiscard]] Failure FailDamaged(SectionId section, uint64_t offset,
                                    std::string_view what) const;

 private:
  // A level of the CSUM section.
  struct Level {
    uint64_t first_block = 0;  // of the file
    uint64_t blocks = 0;
  };

  CheckedMap(std::unique_ptr<MappedFile> file, std::filesystem::path path);
  [[nodiscard]] Result<void> ReadHeader();
  [[nodiscard]] Result<void> ReadSections();
  [[nodiscard]] Result<void> AddSection(const sidecar_format::Section& section);
  [[nodiscard]] Result<void> CheckSizes() const;
  [[nodiscard]] Result<void> PlanChecksums();

  [[nodiscard]] bool IsChecked(uint64_t block) const {
    return (checked_[block / 64].load(std::memory_order_relaxed) >> block % 64 & 1) != 0;
  }
  [[nodiscard]] Result<void> CheckBlock(uint64_t block) const;
  void FetchAround(uint64_t block) const;
  // What CSUM says of a block; checks the part of CSUM that says so first.
  [[nodiscard]] Result<uint32_t> ExpectedChecksum(uint64_t block) const;
  [[nodiscard]] std::span<const std::byte> Block(uint64_t block) const {
    return bytes_.subspan(block * sidecar_format::kBlockBytes, sidecar_format::kBlockBytes);
  }

  [[nodiscard]] const sidecar_format::Section& At(SectionId section) const {
    return sections_[static_cast<size_t>(section)];
  }
  [[nodiscard]] Failure FailRange(SectionId section, uint64_t offset) const;
  [[nodiscard]] Failure FailHeader(std::string_view what) const;

  std::unique_ptr<MappedFile> file_;
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  sidecar_format::Header header_{};
  sidecar_format::Section sections_[sidecar_format::kSectionIds]{};  // by SectionId
  std::vector<Level> levels_;
  // A bit a block. Relaxed: the bytes they speak of do not change.
  std::unique_ptr<std::atomic<uint64_t>[]> checked_;
};

}  // namespace orcio::inline index

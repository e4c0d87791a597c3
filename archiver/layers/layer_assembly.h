#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "archiver/layers/layer.h"
#include "archiver/listing/host_listing.h"
#include "base/error.h"
#include "base/memory/chunked_array.h"
#include "base/memory/scratch_memory.h"
#include "index/archive/write/archive_assembler.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// The files of a listing as an archive, each from the layer that holds it. All of it outlives the
// assembly.
struct LayeredFiles {
  const HostListing& files;
  ScratchArray<uint32_t> order;      // ListingOrder's
  ScratchArray<uint8_t> where;       // WhereHeld's; files that are nowhere are left out
  std::vector<const Layer*> layers;  // as `where` numbers them
  int64_t steady_before = 0;         // for the listing: seconds since the epoch, as IsSteady has it
};

// Puts a new archive together from layers. Not thread-safe.
class LayerAssembly {
 public:
  // `name` is the archive's.
  [[nodiscard]] static Result<std::unique_ptr<LayerAssembly>> Create(
      const FileSystem& files, const std::filesystem::path& repository, const std::string& name,
      LayeredFiles content, ScratchMemory& memory);

  // Reads every layer to its end. As ArchiveAssembler::Finish.
  [[nodiscard]] Result<const TarSummary*> Finish();
  // Writes the archive's listing, once the archive is published. `tar` and `runs_since_full` are as
  // ListingFacts has them. With kAll, files that are nowhere are listed too.
  enum class Listed { kHeld, kAll };
  [[nodiscard]] Result<void> WriteListing(const std::string& tar, uint32_t runs_since_full,
                                          Listed listed = Listed::kHeld) const;

  [[nodiscard]] ArchiveAssembler& archive() { return *archive_; }
  [[nodiscard]] const ArchiveAssembler& archive() const { return *archive_; }
  // After Finish: entries that came from this layer.
  [[nodiscard]] uint64_t EntriesFrom(size_t layer) const { return entries_from_[layer]; }

 private:
  struct Entry {
    uint32_t file = 0;
    uint64_t tar_bytes = 0;
  };

  LayerAssembly(const FileSystem& files, std::filesystem::path path, LayeredFiles content,
                ScratchMemory& memory, std::unique_ptr<ArchiveAssembler> archive);
  Result<void> Append(uint32_t file, AssemblySource& source);

  const FileSystem& disk_;
  const std::filesystem::path path_;  // the archive's
  const LayeredFiles content_;
  ScratchMemory& memory_;
  const std::unique_ptr<ArchiveAssembler> archive_;
  std::vector<std::unique_ptr<AssemblySource>> sources_;  // by layer
  ChunkedArray<Entry> entries_;                           // in the new archive's order
  std::vector<uint64_t> entries_from_;                    // by layer
  std::vector<bool> placed_;                              // by file
};

// A warning for each file of which nothing tells that it changed since `before`, and whose content
// is another one all the same: the disk's fault, or a clock's.
[[nodiscard]] Result<std::vector<std::string>> SilentChanges(const LayeredFiles& now,
                                                             const Layer& before,
                                                             ScratchMemory& memory);

}  // namespace orcio::inline archiver

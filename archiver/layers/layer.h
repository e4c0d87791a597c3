#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "archiver/listing/host_listing.h"
#include "archiver/listing/remote_listing.h"
#include "base/error.h"
#include "base/memory/chunked_array.h"
#include "base/memory/scratch_memory.h"
#include "index/archive/write/archive_writer.h"
#include "index/entry/entry.h"
#include "index/files/file_system.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline archiver {

// One of the archives that a new one is put together from: what it holds of a host's files, and
// what the host told of each when it was listed. Stands in scratch memory, which outlives it. Used
// by one thread at a time.
class Layer {
 public:
  Layer(ScratchMemory& memory, InternedBytes& paths)
      : files_(memory, paths),
        begins_(memory),
        held_(memory),
        places_(memory),
        steady_(memory),
        as_listed_(memory) {}

  [[nodiscard]] HostListing& files() { return files_; }
  [[nodiscard]] const HostListing& files() const { return files_; }
  // The host's clock before it wrote everything to disk and was listed.
  HostClock synced;

  // The next entry of the tar, of any spelling of its path.
  void AddEntry(const TarEntry& entry);
  // The next entry, of a file that is known, and whether that one is steady (listing_file.h).
  void AddEntry(uint32_t file, uint64_t begin, bool steady);
  // Its files are asked for in this order, if it holds any.
  void SetOrder(const ScratchArray<uint32_t>& order);
  // Where a file stands among the layer's; nothing if that is not known.
  [[nodiscard]] std::optional<uint64_t> PlaceOf(uint32_t file) const;

  // It holds nothing after all.
  void LetGo();
  // After the last one: what it ends with, and how it is read.
  void End(uint64_t end_of_entries, std::filesystem::path archive,
           std::shared_ptr<const Sidecar> sidecar);

  // Where an entry stands in the tar.
  [[nodiscard]] uint64_t EntryBegin(uint64_t entry) const { return begins_[entry]; }
  [[nodiscard]] uint64_t EntryEnd(uint64_t entry) const {
    return entry + 1 < begins_.size() ? begins_[entry + 1] : end_of_entries_;
  }
  [[nodiscard]] bool IsHeld(uint32_t file) const { return file < held_.size() && held_[file] != 0; }
  // Of a file that is held: of two entries the later one counts.
  [[nodiscard]] uint64_t EntryOf(uint32_t file) const { return held_[file] - 1; }

  // Whether the entry of `file` is still what the host has, which now tells `now` of it.
  // `steady_before`: a file that changed then or later, seconds since the epoch, may have changed
  // again without telling. Nothing if each file's own mark says it.
  [[nodiscard]] bool Holds(uint32_t file, const HostFile& now,
                           std::optional<int64_t> steady_before) const;
  // Of a file that is held: whether its header says what the listing does, as far as a tar can.
  [[nodiscard]] bool IsAsListed(uint32_t file) const {
    return file < as_listed_.size() && as_listed_[file];
  }

  [[nodiscard]] const std::filesystem::path& archive() const { return archive_; }
  [[nodiscard]] const std::shared_ptr<const Sidecar>& sidecar() const { return sidecar_; }
  // Of all names of files that have several and are held, by device and inode: how many are held of
  // one.
  [[nodiscard]] size_t NamesHeld(const HostFile& file) const;

 private:
  void Hold(uint32_t file);

  HostListing files_;
  ChunkedArray<uint64_t> begins_;                     // of the entries, in the tar
  ChunkedArray<uint64_t> held_;                       // by file: entry + 1, or 0
  ChunkedArray<uint32_t> places_;                     // by file, if they have an order
  ChunkedArray<bool> steady_;                         // by file
  ChunkedArray<bool> as_listed_;                      // by file
  std::vector<std::pair<uint64_t, uint64_t>> names_;  // device and inode of each such name, sorted
  uint64_t end_of_entries_ = 0;
  std::filesystem::path archive_;
  std::shared_ptr<const Sidecar> sidecar_;
};

// Which layer holds each file of a listing as it is now: its number, or kNowhere.
inline constexpr uint8_t kNowhere = UINT8_MAX;
// `steady_before` has one for each layer at least, as Holds takes it. All names of a file with
// several come from the same layer, and only if that has no others.
[[nodiscard]] ScratchArray<uint8_t> WhereHeld(
    const HostListing& now, const std::vector<const Layer*>& layers,
    const std::vector<std::optional<int64_t>>& steady_before, ScratchMemory& memory);

}  // namespace orcio::inline archiver

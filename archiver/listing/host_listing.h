#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/memory/chunked_array.h"
#include "base/memory/interned_bytes.h"
#include "base/memory/scratch_memory.h"
#include "index/entry/entry.h"

namespace orcio::inline archiver {

// What a host tells of one of its files, as lstat(2) has it.
struct HostFile {
  EntryType type = EntryType::kFile;
  uint32_t mode = 0;  // permission bits, 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t links = 1;
  uint64_t size = 0;
  uint64_t device = 0;  // not the same after the next boot
  uint64_t inode = 0;
  int64_t mtime_ns = 0;  // since the epoch
  int64_t ctime_ns = 0;

  [[nodiscard]] bool has_other_names() const { return links > 1 && type != EntryType::kDirectory; }
};

// Whether nothing tells that a file is another one by now: not its inode, and none of its times.
[[nodiscard]] bool IsUnchanged(const HostFile& before, const HostFile& now);

// Whole seconds, rounded towards the past.
[[nodiscard]] int64_t WholeSeconds(int64_t nanoseconds);

// Whether a file last changed before a moment, in seconds since the epoch.
[[nodiscard]] bool IsSteady(const HostFile& file, int64_t before);

// The files that a host has below some paths, at one moment or so. Several listings share their
// paths, so that a file is found in another one by the number of its path. They stand in scratch
// memory, which outlives this. Not thread-safe.
class HostListing {
 public:
  HostListing(ScratchMemory& memory, InternedBytes& paths)
      : paths_(paths), files_(memory), numbers_(memory), by_path_(memory) {}

  // Relative to the root, e.g. "srv/wiki". Of two files of one path the later one counts.
  uint32_t Add(std::string_view path, const HostFile& file);

  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(files_.size()); }
  [[nodiscard]] const HostFile& File(uint32_t index) const { return files_[index]; }
  [[nodiscard]] uint32_t PathNumber(uint32_t index) const { return numbers_[index]; }
  [[nodiscard]] std::string_view Path(uint32_t index) const { return paths_.At(numbers_[index]); }
  // Whether no later file has the same path.
  [[nodiscard]] bool IsLast(uint32_t index) const { return by_path_[numbers_[index]] == index + 1; }
  // The file of that path.
  [[nodiscard]] std::optional<uint32_t> Find(uint32_t path_number) const;
  [[nodiscard]] std::optional<uint32_t> Find(std::string_view path) const;
  // The directory that holds a file; nothing if that is not listed.
  [[nodiscard]] std::optional<uint32_t> Parent(uint32_t index) const;

 private:
  InternedBytes& paths_;
  ChunkedArray<HostFile> files_;
  ChunkedArray<uint32_t> numbers_;  // of their paths
  ChunkedArray<uint32_t> by_path_;  // index + 1, or 0
};

}  // namespace orcio::inline archiver

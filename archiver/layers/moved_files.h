#pragma once

#include <cstdint>
#include <optional>

#include "archiver/layers/layer.h"
#include "archiver/listing/host_listing.h"
#include "base/memory/keyed_hash.h"
#include "base/memory/scratch_memory.h"

namespace orcio::inline archiver {

// Which files of a listing may have been read as another file that had their path for a moment. A
// file tells of its own renaming by its change time, but not of its directory's: if two
// directories change places and change back while a tar reads, every file in them looks as if
// nothing had happened. So whatever is below a directory that may have been moved, by its own
// change time and its parent's, counts only if the tar's header can be no other file's.
class MovedFiles {
 public:
  // `now` is the later listing; `steady_before` as Layer::Holds has it: no directory whose change
  // time is earlier has been moved since `layer` was listed. All outlive this.
  MovedFiles(const HostListing& now, const Layer& layer, int64_t steady_before,
             ScratchMemory& memory);
  ~MovedFiles();
  MovedFiles(const MovedFiles&) = delete;
  MovedFiles& operator=(const MovedFiles&) = delete;

  // Of a file in `now` that the layer holds as `held`.
  [[nodiscard]] bool MayBeAnother(uint32_t file, uint32_t held) const;

 private:
  [[nodiscard]] bool MayHaveMoved(uint32_t directory, int64_t steady_before) const;
  void FindBelow(const ScratchArray<uint8_t>& moved);
  void FindTwins();
  [[nodiscard]] uint64_t LookOf(uint32_t held) const;

  const HostListing& now_;
  const Layer& layer_;
  ScratchMemory& memory_;
  // By file in `now`: whether a directory above it may have been moved. Empty if none was.
  ScratchArray<uint8_t> below_;
  // Of each file in the layer a hash of what a header can tell of it, sorted.
  ScratchArray<uint64_t> looks_;
  const KeyedHash hash_;
};

}  // namespace orcio::inline archiver

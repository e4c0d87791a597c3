#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/memory/scratch_memory.h"
#include "index/entry/entry.h"
#include "index/files/file_system.h"
#include "index/sidecar/archive_identity.h"
#include "index/sidecar/run_facts.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_table.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

class ArchiveTree;
class WindowStore;

// How to decode the spans of an archive that orcio did not write. Both outlive the writing.
struct SpanStarts {
  std::span<const SpanStart> starts;  // one for each span
  WindowStore& windows;               // what they refer to
};

// Turns entries in stream order into the tree that `tar x` would leave behind, and writes it as a
// sidecar. The same entries, spans and facts give the same bytes. Memory: as ScratchMemory's
// limits have it, however many entries there are. Not thread-safe.
class SidecarBuilder {
 public:
  // If the tree gets large, a file without a name in `scratch_directory` holds it meanwhile.
  explicit SidecarBuilder(const std::filesystem::path& scratch_directory = {});
  ~SidecarBuilder();

  // Takes the next entry of the tar. Paths are brought inside the tree as GNU tar does it: leading
  // slashes and everything up to a last ".." are dropped. A later entry of the same path wins. What
  // `tar x` would not extract either is left out with a warning, which the sidecar holds. kLimit at
  // 2^32 - 2 entries or about 4 GiB of names; kInvalid if its offsets or extents are impossible.
  [[nodiscard]] Result<void> Add(TarEntry&& entry);

  // Takes away the digests of files with content between two offsets of the tar: it is in doubt.
  void ForgetDigests(uint64_t tar_begin, uint64_t tar_end);

  // Writes the sidecar to `file`, which is empty, without syncing it. `spans` cover the tar without
  // a gap: kInvalid if they do not. Without `starts` each is a gzip member. Call once.
  [[nodiscard]] Result<void> Write(WritableFile& file, const ArchiveIdentity& archive,
                                   std::span<const Span> spans, const TarSummary& tar,
                                   const RunFacts& facts, const SpanStarts* starts = nullptr);

 private:
  ScratchMemory memory_;
  std::unique_ptr<ArchiveTree> tree_;
};

}  // namespace orcio::inline index

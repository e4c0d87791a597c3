#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline index {

struct IndexedArchive;

struct RebuildOptions {
  unsigned threads = 0;  // decoding; 0: one a core
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)>
      progress;  // archive bytes; may be empty
  // What the sidecar has for facts, if that is more than RebuiltFacts(): see KeptFacts.
  std::optional<RunFacts> facts = {};
  // After how many bytes of tar, while an archive that orcio did not write is indexed, what was
  // found so far is kept for whoever has to go on after an interruption.
  uint64_t keep_every = uint64_t{1} << 30;
  // Called if an interrupted run is gone on with, with how far that was; may be empty.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> resumed = {};
  // Takes a line for people: an interrupted run that cannot be gone on with, and why; may be empty.
  std::function<void(const std::string& line)> note = {};
};

// Whether the first member is one of ours, even a damaged one. A newer orcio's is not: it is read
// as plain gzip.
[[nodiscard]] Result<bool> HasOurMembers(const RandomAccess& archive);

// What a rebuilt sidecar has for facts: which orcio made it.
[[nodiscard]] RunFacts RebuiltFacts();

// What the sidecar that is to be made anew knows of the run that made the archive: nobody else
// does. Nothing if it cannot be read, is another archive's, or knows of no run.
[[nodiscard]] std::optional<RunFacts> KeptFacts(const FileSystem& files,
                                                const std::filesystem::path& archive,
                                                const std::filesystem::path& sidecar);

// Reads every byte of an archive, as RebuildSidecar does, whose errors it has, and writes nothing
// but what takes too much memory, beside where `sidecar` is or would be. `name` is for messages.
[[nodiscard]] Result<std::unique_ptr<IndexedArchive>> IndexWhole(
    const FileSystem& files, const RandomAccess& archive, const std::string& name,
    const std::filesystem::path& sidecar, const RebuildOptions& options,
    const std::stop_token& stop);

// Makes the sidecar of an archive and replaces `sidecar` by it once it is whole and on disk. The
// one of an archive that orcio wrote differs from the one made with it only in the run's facts.
// If the archive is damaged or cut short and a part of it can be read, that part is indexed, the
// sidecar is not complete, and its warnings name the offsets. kDamaged if nothing can be read,
// it is no tar, or nobody can tell where in the tar what can be read belongs; kCancelled. If no
// sidecar can be written there, says so before anything is decoded. If orcio did not write the
// archive, goes on with what an interrupted call, in this process or another one, has left beside
// `sidecar`: what comes out is the same.
[[nodiscard]] Result<void> RebuildSidecar(const FileSystem& files,
                                          const std::filesystem::path& archive,
                                          const std::filesystem::path& sidecar,
                                          const RebuildOptions& options,
                                          const std::stop_token& stop);

}  // namespace orcio::inline index

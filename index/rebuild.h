#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "index/error.h"
#include "index/file_system.h"
#include "index/run_facts.h"

namespace orcio {

struct RebuildOptions {
  unsigned threads = 0;  // decoding; 0: one a core
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)>
      progress;  // archive bytes; may be empty
};

// What a rebuilt sidecar has for facts: which orcio made it.
[[nodiscard]] RunFacts RebuiltFacts();

// Makes the sidecar of an archive that orcio wrote, hopping over its members and decoding them in
// parallel, and replaces `sidecar` by it once it is whole and on disk. It differs from the one made
// with the archive only in the run's facts. kDamaged, naming the offset, where the archive is cut
// or damaged; kUnsupported where it is not ours; kCancelled.
[[nodiscard]] Result<void> RebuildSidecar(const FileSystem& files,
                                          const std::filesystem::path& archive,
                                          const std::filesystem::path& sidecar,
                                          const RebuildOptions& options,
                                          const std::stop_token& stop);

}  // namespace orcio

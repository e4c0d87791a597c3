#pragma once

#include <stop_token>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/rebuild/index_log.h"
#include "index/rebuild/indexed_archive.h"
#include "index/rebuild/rebuild.h"

namespace orcio::inline index {

// Whether it is read as gzip; else it is a plain tar, if anything.
[[nodiscard]] Result<bool> BeginsLikeGzip(const RandomAccess& archive);

// For going on after an interruption, now and then. Both outlive the call.
struct ForeignResume {
  IndexLog* log = nullptr;          // takes what is found; null if nothing is kept
  ResumedIndex* resumed = nullptr;  // what it has from before, null if that is nothing
};

// Indexes an archive that orcio did not write, in one pass: gzip of any kind, or, if it does not
// begin like gzip, a plain tar. If it is damaged or cut short and a part of it can be read, that
// part is indexed and a warning says so; what is in doubt is in spans that are lost. kDamaged if
// nothing can be read, or it is no tar. If an interrupted run is gone on with, `indexed` holds
// what that one found, and what comes out is the same as without the interruption. Memory: about 64
// MiB and what the tree takes.
[[nodiscard]] Result<void> IndexForeign(const RandomAccess& archive, const std::string& name,
                                        const RebuildOptions& options, const std::stop_token& stop,
                                        IndexedArchive& indexed, const ForeignResume& resume);

}  // namespace orcio::inline index

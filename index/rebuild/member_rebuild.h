#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/members/member_source.h"
#include "index/rebuild/indexed_archive.h"
#include "index/rebuild/rebuild.h"

namespace orcio::inline index {

// Indexes an archive that orcio wrote, decoding the members of `source` in parallel. Members that
// are damaged and what `source` says is lost become lost spans. `findings` is what else is wrong
// with it: if there is any, or something is lost, the sidecar will not be complete, and has a
// warning of each. kDamaged if `source` ends with that, or no tar can be read.
[[nodiscard]] Result<void> IndexMembers(const RandomAccess& archive, const std::string& name,
                                        MemberSource& source,
                                        const std::vector<std::string>& findings,
                                        const RebuildOptions& options, const std::stop_token& stop,
                                        IndexedArchive& indexed);

}  // namespace orcio::inline index

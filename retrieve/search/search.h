#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/search/path_pattern.h"

namespace orcio::inline retrieve {

// What is looked for. What is not set holds for every entry.
struct SearchCriteria {
  PathPattern pattern;
  uint64_t least_bytes = 0;  // of content
  uint64_t most_bytes = UINT64_MAX;
  std::optional<int64_t> newer_than;  // mtime, seconds since the epoch: at or after it
  std::optional<int64_t> older_than;  // before it
  std::vector<EntryType> types;       // one of these; empty: any
};

// The entries that fit, each directory before what is in it, names of a directory in the order of
// their bytes. By the sidecar alone. If the pattern is a name, it is looked up rather than every
// entry looked at.
[[nodiscard]] Result<std::vector<NodeId>> Search(const Sidecar& sidecar,
                                                 const SearchCriteria& criteria);

}  // namespace orcio::inline retrieve

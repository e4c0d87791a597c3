#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/search/path_pattern.h"

namespace orcio::inline retrieve {

struct RestoreChoice {
  std::vector<NodeId> roots;         // with all that is below them; empty: everything
  std::vector<PathPattern> include;  // of that, only these, with all that is below; empty: all
  std::vector<PathPattern> exclude;  // but not these, nor what is below
};

// The entries to restore, and the directories on the way to them.
struct RestorePlan {
  std::vector<bool> wanted;  // by node
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of content, holes included; a file of several names counts with each
  // Entries chosen with all that is below them, none of them below another. What else is wanted is
  // directories on the way to these.
  std::vector<NodeId> whole;
};

// kNotFound if nothing is chosen.
[[nodiscard]] Result<RestorePlan> PlanRestore(const Sidecar& sidecar, const RestoreChoice& choice);

// Bytes of content that a disk has to take: without holes, a file of several names once.
[[nodiscard]] Result<uint64_t> PlannedDataBytes(const Sidecar& sidecar, const RestorePlan& plan);

// Calls `visit` for each planned entry but the root: directories before their content, names of a
// directory in the order of their bytes.
[[nodiscard]] Result<void> ForEachPlanned(
    const Sidecar& sidecar, const RestorePlan& plan,
    const std::function<Result<void>(const NodeInfo&, const std::string& path)>& visit);

}  // namespace orcio::inline retrieve

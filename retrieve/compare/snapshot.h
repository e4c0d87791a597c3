#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline retrieve {

// An entry as an archive has it, apart from its sidecar, to be held against others.
struct Snapshot {
  NodeInfo node;
  std::string target;  // of a symlink
  std::optional<Sha256Digest> digest;
};

[[nodiscard]] Result<Snapshot> TakeSnapshot(const Sidecar& sidecar, NodeId id);

// Whether both are of one type and hold the same: files by their digests, or, if one has none,
// by size and mtime; symlinks by their targets, devices by their numbers. Of directories, nothing
// more.
[[nodiscard]] bool HoldTheSame(const Snapshot& a, const Snapshot& b);

}  // namespace orcio::inline retrieve

#pragma once

#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline retrieve {

// The children of a directory in the order in which they stand in the tar: who reads them so, one
// directory after another as they come, reads the archive front to back. Those without a place of
// their own, directories that no entry names, come first.
[[nodiscard]] Result<std::vector<NodeId>> ChildrenByPlace(const Sidecar& sidecar, NodeId directory);

}  // namespace orcio::inline retrieve

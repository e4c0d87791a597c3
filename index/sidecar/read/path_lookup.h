#pragma once

#include <string_view>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline index {

// The node at `path` within the archive, with symlinks followed as a service's own machine would:
// an absolute target starts at the tree's root, and ".." does not leave it. A symlink in the last
// component is followed only if `follow_last` is set. kNotFound, naming the part that is
// missing; kInvalid for more than 40 symlinks (ELOOP).
[[nodiscard]] Result<NodeId> FindFollowing(const Sidecar& sidecar, std::string_view path,
                                           bool follow_last);

}  // namespace orcio::inline index

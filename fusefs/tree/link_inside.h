#pragma once

#include <string>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline fusefs {

// What to answer readlink(2) for the symlink `link`, so that whoever follows it stays in the
// archive and ends where FindFollowing does: an absolute target is written from the link's own
// directory, and a ".." that would climb out of the archive's root, where the root of a machine
// stops it, is left out. Any other target is as archived. It may be longer than a target can be.
[[nodiscard]] Result<std::string> LinkInside(const Sidecar& sidecar, NodeId link);

}  // namespace orcio::inline fusefs

#pragma once

#include "fusefs/kernel/fuse.h"

namespace orcio::inline fusefs {

// What the kernel can ask of a mount. The session's user data is a MountContext. Whatever would
// change something answers EROFS, even if the kernel should have refused it before.
[[nodiscard]] fuse_lowlevel_ops Operations();

}  // namespace orcio::inline fusefs

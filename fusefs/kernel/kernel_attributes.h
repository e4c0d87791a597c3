#pragma once

#include <sys/stat.h>

#include "fusefs/kernel/fuse.h"
#include "fusefs/kernel/shown_owner.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

// Seconds for which the kernel need not ask again. Archives never change; which there are does.
inline constexpr double kForever = 365.0 * 24 * 3600;
inline constexpr double kShortly = 1;

[[nodiscard]] inline bool IsAboveArchives(Namespace::Inode inode) {
  return inode >> 32 == 0;
}

// What stat(2) says of the node.
[[nodiscard]] struct stat ToStat(const Namespace::Attributes& node, const ShownOwner& shown);
// For how long that may be kept.
[[nodiscard]] double TimeoutOf(const Namespace::Attributes& node);
[[nodiscard]] fuse_entry_param ToEntry(const Namespace::Attributes& node, const ShownOwner& shown,
                                       double name_timeout);

}  // namespace orcio::inline fusefs

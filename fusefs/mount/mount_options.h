#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fusefs/kernel/shown_owner.h"

namespace orcio::inline fusefs {

// What may stand after -o, beside what mount(8) has for every file system.
inline constexpr auto kMountOptionWords = std::to_array<const char*>({
    "cache_size=",
    "allow_other",
    "noallow_other",
    "allow_root",
    "default_permissions",
    "nodefault_permissions",
    "uid=",
    "gid=",
    "umask=",
    "symlinks=inside",
    "symlinks=archived",
    "idle_timeout=",
    "noexec",
    "nosymfollow",
});

// What the words after -o come to.
struct ParsedMountOptions {
  std::vector<std::string> fuse;  // for libfuse and the kernel
  uint64_t cache_bytes = 0;
  bool default_permissions = true;  // the kernel checks modes and ACLs
  ShownOwner shown;
  bool symlinks_inside = false;  // as Namespace::Options have it
  bool nosymfollow = false;      // of mount(8), which neither libfuse nor fusermount3 knows
  // Without a request for so long, it unmounts itself; 0: never.
  std::chrono::seconds idle_timeout{0};
};

// Reads options as fstab has them; each of `words` may hold several with commas between, and of two
// that contradict each other the last one counts. Always read-only, nosuid, nodev; if root
// mounts also open to all users, unless the options say otherwise. Whoever looks does so within the
// permissions shown, which are the archived ones unless uid=, gid= or umask= say others;
// nodefault_permissions alone lifts them, and for others than who mounts only if they are let in
// by a word of its own. What fstab has for others to read (noauto, x-...) is passed over. kInvalid,
// naming it, for an unknown one, and for what only root may have.
[[nodiscard]] Result<ParsedMountOptions> ParseMountOptions(const std::vector<std::string>& words,
                                                           uint64_t default_cache_bytes,
                                                           bool as_root);

// "512", "64K", "256M", "2G": bytes. kInvalid for anything else.
[[nodiscard]] Result<uint64_t> ParseSize(std::string_view text);

}  // namespace orcio::inline fusefs

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fusefs/shown_owner.h"
#include "index/error.h"

namespace orcio {

// What the words after -o come to.
struct ParsedMountOptions {
  std::vector<std::string> fuse;  // for libfuse and the kernel
  uint64_t cache_bytes = 0;
  bool default_permissions = false;  // the kernel checks modes and ACLs
  ShownOwner shown;
  // Without a request for so long, it unmounts itself; 0: never.
  std::chrono::seconds idle_timeout{0};
};

// Reads options as fstab has them; each of `words` may hold several with commas between. Always
// read-only, nosuid, nodev; for root also open to all users. What is open to others is so within
// the permissions shown, which are the archived ones unless uid=, gid= or umask= say others. What
// fstab has for others to read (noauto, x-...) is passed over. kInvalid, naming it, for an unknown
// one.
[[nodiscard]] Result<ParsedMountOptions> ParseMountOptions(const std::vector<std::string>& words,
                                                           uint64_t default_cache_bytes,
                                                           bool as_root);

// "512", "64K", "256M", "2G": bytes. kInvalid for anything else.
[[nodiscard]] Result<uint64_t> ParseSize(std::string_view text);

}  // namespace orcio

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

struct MountOptions {
  std::filesystem::path mountpoint;
  bool foreground = false;
  uint64_t cache_bytes = uint64_t{256} << 20;
  std::vector<std::string> fuse_options;  // as after -o in fstab, one each
};

// Mounts `repository` read-only. Returns once it is mounted and answers (the process that serves it
// is in the background by then), or, with `foreground`, once it was unmounted or told to end by
// SIGTERM, SIGINT or SIGHUP. kInvalid for a mountpoint or an option that will not do.
[[nodiscard]] Result<void> Mount(const Repository& repository, const MountOptions& options);

// Unmounts; lazily if files are open and `lazy` is set. kNotFound if nothing of orcio's is
// mounted there.
[[nodiscard]] Result<void> Unmount(const std::filesystem::path& mountpoint, bool lazy);

}  // namespace orcio::inline fusefs

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"

namespace orcio::inline fusefs {

// Where `mountpoint` really is, even if a mount whose server is gone covers it. kInvalid if
// there is nothing of that name.
[[nodiscard]] Result<std::filesystem::path> ResolveMountpoint(
    const std::filesystem::path& mountpoint);

// The type of the filesystem mounted on `directory` itself, as ResolveMountpoint gave it, e.g.
// "ext4"; the topmost if there are several.
[[nodiscard]] Result<std::optional<std::string>> MountedType(
    const std::filesystem::path& directory);
inline constexpr const char* kMountType = "fuse.orcio";

// ResolveMountpoint's, if a mount of ours is there. kNotFound if none is.
[[nodiscard]] Result<std::filesystem::path> FindMount(const std::filesystem::path& mountpoint);

// Has the kernel follow no symlink in what is mounted on `directory` (mount(8), nosymfollow). For
// root; asks nothing of the file system.
[[nodiscard]] Result<void> ForbidSymlinks(const std::filesystem::path& directory);

// Unmounts a mount of ours: as root itself, else through fusermount3(1). kInvalid if files are
// open and `lazy` is not set.
[[nodiscard]] Result<void> UnmountDirectory(const std::filesystem::path& directory, bool lazy);

}  // namespace orcio::inline fusefs

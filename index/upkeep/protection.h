#pragma once

#include <filesystem>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// An archive that somebody protected is removed by no policy. An empty file beside the archive says
// so, `.<archive>.protected`: it stays with the archive's name whatever becomes of the index.
[[nodiscard]] std::filesystem::path ProtectionPath(const std::filesystem::path& archive);

// If it cannot be told, the error.
[[nodiscard]] Result<bool> IsProtected(const FileSystem& files,
                                       const std::filesystem::path& archive);
// Fine if it is so already. On disk when this returns.
[[nodiscard]] Result<void> Protect(const FileSystem& files, const std::filesystem::path& archive);
[[nodiscard]] Result<void> Unprotect(const FileSystem& files, const std::filesystem::path& archive);

}  // namespace orcio::inline index

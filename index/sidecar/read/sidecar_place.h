#pragma once

#include <filesystem>

#include "index/files/file_system.h"

namespace orcio::inline index {

// Where the sidecar of `archive` is or would be: beside it, as "<archive>.idx". With an
// `index_directory` (the archive's own directory cannot be written, or shall not be) under the same
// name in there, unless there is none yet and the one beside the archive is good enough to use.
[[nodiscard]] std::filesystem::path SidecarPlace(const FileSystem& files,
                                                 const std::filesystem::path& archive,
                                                 const std::filesystem::path& index_directory);

// The index directory for a repository that cannot be written, in the user's cache: each repository
// has its own, "$XDG_CACHE_HOME/orcio/<digest of its path>", below "$HOME/.cache" if that is not
// set, and below "/var/cache" if HOME is not set either.
[[nodiscard]] std::filesystem::path CacheIndexDirectory(const std::filesystem::path& repository);

// Makes the directory, for its owner alone, if it does not exist. Sidecars tell names and
// digests of what is in the archives.
[[nodiscard]] Result<void> MakeIndexDirectory(const std::filesystem::path& directory);

}  // namespace orcio::inline index

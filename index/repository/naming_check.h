#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// Tries what publishing an archive takes, before much depends on it: whether a file in `directory`
// can be written, flushed, given a name that is free, and is refused one that is not. What it
// makes, named after `name`, is gone afterwards. kIo, or kUnsupported if a file system replaces
// what it must not; the message says what was tried.
[[nodiscard]] Result<void> CheckNaming(const FileSystem& files,
                                       const std::filesystem::path& directory,
                                       const std::string& name);

}  // namespace orcio::inline index

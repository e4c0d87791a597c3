#pragma once

#include <filesystem>

namespace orcio::inline index {

// Where the archiver keeps what a host told of the files in `archive`, beside it: no reader of
// archives needs it, the next run of the same service does.
[[nodiscard]] inline std::filesystem::path ListingPath(const std::filesystem::path& archive) {
  return archive.parent_path() / ("." + archive.filename().string() + ".listing");
}

}  // namespace orcio::inline index

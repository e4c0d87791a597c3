#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace orcio::inline index {

// What the name of an indexing log has after its sidecar's.
inline constexpr std::string_view kIndexLogEnding = ".resume";

// Where what interrupted indexing has found is kept, beside the sidecar to be: FORMAT.md,
// "Interrupted indexing".
[[nodiscard]] inline std::filesystem::path IndexLogPath(const std::filesystem::path& sidecar) {
  return sidecar.parent_path() / ("." + sidecar.filename().string() + std::string(kIndexLogEnding));
}

}  // namespace orcio::inline index

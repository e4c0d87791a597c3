#pragma once

#include <string>
#include <string_view>

namespace orcio::inline index {

// What a sidecar's name has after its archive's.
inline constexpr std::string_view kSidecarEnding = ".idx";

// The name, or the path, of the sidecar beside an archive.
[[nodiscard]] inline std::string SidecarNameOf(std::string archive) {
  return archive.append(kSidecarEnding);
}

}  // namespace orcio::inline index

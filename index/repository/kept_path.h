#pragma once

#include <string_view>

namespace orcio::inline index {

// After an archive's name: files of a service that a run which gave up has left for the next one.
// No archive, though it looks like one inside.
inline constexpr std::string_view kKeptEnding = ".kept";

}  // namespace orcio::inline index

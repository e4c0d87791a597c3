#pragma once

#include <string_view>

namespace orcio::inline index {

// What is left of a tar's path once it is brought inside the tree as GNU tar does it: everything up
// to and including the last ".." component is dropped. Split it with NextComponent, which passes
// over the leading slashes.
[[nodiscard]] std::string_view InsideTree(std::string_view path);

// Takes the first component off `path`, passing over slashes and "." components. Empty at the end.
[[nodiscard]] std::string_view NextComponent(std::string_view& path);

}  // namespace orcio::inline index

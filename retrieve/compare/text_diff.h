#pragma once

#include <string>
#include <string_view>

namespace orcio::inline retrieve {

// Whether `content` looks like text: no NUL in it.
[[nodiscard]] bool IsText(std::string_view content);

// The unified diff of two texts, as diff -u writes it and patch(1) reads it, without the two header
// lines; empty if they are equal. If they have little in common it is not the smallest one:
// time and memory stay bounded.
[[nodiscard]] std::string UnifiedDiff(std::string_view before, std::string_view after);

// `name` for a header line: in double quotes with C's escapes if it has quotes, backslashes or
// control characters, as GNU diff writes and GNU patch reads it.
[[nodiscard]] std::string DiffName(std::string_view name);

}  // namespace orcio::inline retrieve

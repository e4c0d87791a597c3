#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orcio::inline retrieve {

// Whether all of `text` is as `glob` says: `*` any number of characters, `?` one, `[a-z]` and
// `[!a-z]` one of a set, `\` takes the next one as it is. Characters are those of UTF-8; a byte
// that is none counts as one of its own. An unclosed `[` stands for itself. Takes at most the
// product of both lengths.
[[nodiscard]] bool GlobMatches(std::string_view glob, std::string_view text);

// The one text that `glob` matches; nothing if it has a wildcard.
[[nodiscard]] std::optional<std::string> LiteralOf(std::string_view glob);

}  // namespace orcio::inline retrieve

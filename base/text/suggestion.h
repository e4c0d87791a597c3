#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace orcio {

// The one of `known` that `word` was meant to be, as far as one can tell: a letter or two, or a
// third of them, are off. Nothing if none is near.
[[nodiscard]] std::optional<std::string_view> NearestWord(std::string_view word,
                                                          std::span<const std::string_view> known);

// "; did you mean `port`?" if one of `known` is near to `word`, else "; known are: port, user".
[[nodiscard]] std::string Suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

}  // namespace orcio

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orcio {

// The lines of `text` without their ends; the last one may lack its newline.
[[nodiscard]] std::vector<std::string> Lines(std::string_view text);

// The words between `separator`s; none for an empty text.
[[nodiscard]] std::vector<std::string> Split(std::string_view text, char separator);

// Words between commas and spaces, for messages.
[[nodiscard]] std::string Join(const std::vector<std::string>& words,
                               std::string_view separator = ", ");

}  // namespace orcio

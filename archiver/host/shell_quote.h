#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orcio::inline archiver {

// `word` as one word of a POSIX shell command line, whatever bytes it holds; it must not hold NUL.
[[nodiscard]] std::string ShellQuote(std::string_view word);
// Quoted words, separated by spaces.
[[nodiscard]] std::string ShellCommand(const std::vector<std::string>& words);

}  // namespace orcio::inline archiver

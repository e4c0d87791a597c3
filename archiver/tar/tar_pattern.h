#pragma once

#include <string>
#include <string_view>

namespace orcio::inline archiver {

// As a pattern of tar's and find's that matches `name` and nothing else.
[[nodiscard]] inline std::string EscapeTarPattern(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (std::string_view("\\*?[]").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace orcio::inline archiver

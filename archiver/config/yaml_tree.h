#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace orcio::inline archiver {

// Where something stands in a text; both count from 1, `column` in characters.
struct TextPosition {
  int line = 1;
  int column = 1;
};

// A YAML document as a tree that knows where each of its keys and values stands. Keys are text;
// duplicates are kept, in order.
struct YamlNode {
  enum class Kind { kNull, kText, kList, kMap };
  struct Entry {
    std::string key;
    TextPosition at;
    std::shared_ptr<const YamlNode> value;  // an alias shares its anchor's node
  };

  Kind kind = Kind::kNull;
  TextPosition at;  // an empty value of a map stands where its key does
  std::string text;
  bool quoted = false;  // text in quotes or a block: never a number or a bool
  std::vector<std::shared_ptr<const YamlNode>> items;
  std::vector<Entry> entries;
};

// kInvalid, its message starting with "LINE:COLUMN: ".
template <class... Args>
[[nodiscard]] Failure FailAt(TextPosition at, fmt::format_string<Args...> format, Args&&... args) {
  return Fail(ErrorKind::kInvalid, "{}:{}: {}", at.line, at.column,
              fmt::format(format, std::forward<Args>(args)...));
}

// Reads one document of UTF-8 text. Bounded: 10,000 nodes, 16 levels; aliases cost nothing however
// often they are nested. Null for a text that holds nothing but comments.
[[nodiscard]] Result<std::shared_ptr<const YamlNode>> ParseYaml(const std::string& text);

}  // namespace orcio::inline archiver

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/yaml_tree.h"
#include "base/error.h"

namespace orcio::inline archiver {

// A value in the configuration, and what messages call it, e.g. "services.wiki.paths".
struct ConfigValue {
  const YamlNode& node;
  std::string name;
};

// kInvalid: "LINE:COLUMN: NAME: ...".
template <class... Args>
[[nodiscard]] Failure FailValue(const ConfigValue& value, fmt::format_string<Args...> format,
                                Args&&... args) {
  return FailAt(value.node.at, "{}: {}", value.name,
                fmt::format(format, std::forward<Args>(args)...));
}

// Every reader here returns kInvalid, with the position, for a value of another type, an empty one
// or an impossible one.

struct ConfigField {
  std::string_view key;
  std::function<Result<void>(const ConfigValue&)> read;
};
// A field whose value `read` reads into `into`, which must outlive the field.
template <class T, class Read>
[[nodiscard]] ConfigField Into(std::string_view key, T& into, Read read) {
  return {key, [&into, read](const ConfigValue& value) -> Result<void> {
            into = ORCIO_TRY(read(value));
            return {};
          }};
}
// Reads a map's values by `fields`, in the order of the file. Unknown and repeated keys are errors.
[[nodiscard]] Result<void> ReadFields(const ConfigValue& map, std::span<const ConfigField> fields);
// Where the map's entry of that key stands (its key); nothing if there is none.
[[nodiscard]] const YamlNode::Entry* FindEntry(const YamlNode& map, std::string_view key);

// One of a map's entries whose keys are names that people choose.
struct NamedValue {
  std::string key;
  TextPosition key_at;
  ConfigValue value;
};
// Names are as service names (IsServiceName), each once.
[[nodiscard]] Result<std::vector<NamedValue>> ReadNamed(const ConfigValue& map);
// Nothing for an empty list.
[[nodiscard]] Result<std::vector<ConfigValue>> ReadItems(const ConfigValue& list);

// One line without control characters, at most 4096 bytes. A number or a bool in its place is taken
// as it is written.
[[nodiscard]] Result<std::string> ReadText(const ConfigValue& value);
// A shell command: text that may have several lines.
[[nodiscard]] Result<std::string> ReadCommand(const ConfigValue& value);
// One of `words`: its index.
[[nodiscard]] Result<size_t> ReadChoice(const ConfigValue& value,
                                        std::span<const std::string_view> words);
[[nodiscard]] Result<bool> ReadBool(const ConfigValue& value);
[[nodiscard]] Result<uint64_t> ReadNumber(const ConfigValue& value, uint64_t least, uint64_t most);
// A number from 0 to 1, such as 0.1.
[[nodiscard]] Result<double> ReadShare(const ConfigValue& value);
// "30s", "5m", "2h", "1d", or a number of seconds; from 1 s to 365 days.
[[nodiscard]] Result<std::chrono::seconds> ReadDuration(const ConfigValue& value);
// An absolute path other than "/", with "." and repeated slashes taken out; ".." is an error.
[[nodiscard]] Result<std::string> ReadAbsolutePath(const ConfigValue& value);
// As ReadAbsolutePath, a leading "~/" standing for HOME.
[[nodiscard]] Result<std::string> ReadHomePath(const ConfigValue& value);

// A value as messages quote it: shortened, without control characters.
[[nodiscard]] std::string Quoted(std::string_view text);

}  // namespace orcio::inline archiver

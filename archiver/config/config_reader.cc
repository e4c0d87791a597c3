#include "archiver/config/config_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text/safe_text.h"
#include "base/text/suggestion.h"
#include "base/text/words.h"
#include "index/repository/archive_name.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxQuoted = 64;
constexpr std::string_view kDigits = "0123456789";

std::string_view KindName(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kText:
      return "text";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      break;
  }
  return "a map";
}

Result<void> CheckKind(const ConfigValue& value, YamlNode::Kind wanted) {
  const YamlNode::Kind kind = value.node.kind;
  if (kind == wanted) return {};
  if (kind == YamlNode::Kind::kNull) {
    return FailValue(value, "is empty; give it a value or remove the key");
  }
  if (wanted == YamlNode::Kind::kList && kind == YamlNode::Kind::kText) {
    return FailValue(value, "must be a list; write [{}]", Quoted(value.node.text));
  }
  return FailValue(value, "must be {}, not {}", KindName(wanted), KindName(kind));
}

std::string ChildName(const ConfigValue& map, std::string_view key) {
  const std::string name = SafeText(key.substr(0, kMaxQuoted));
  return map.name.empty() ? name : map.name + "." + name;
}

Result<void> CheckUnique(const ConfigValue& map, const YamlNode::Entry& entry) {
  const YamlNode::Entry* first = FindEntry(map.node, entry.key);
  if (first == &entry) return {};
  return FailAt(entry.at, "{}: again; it stands in line {} already", ChildName(map, entry.key),
                first->at.line);
}

Result<std::string> ReadAnyText(const ConfigValue& value) {
  ORCIO_TRY(CheckKind(value, YamlNode::Kind::kText));
  if (value.node.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return FailValue(value, "is empty; give it a value or remove the key");
  }
  if (value.node.text.size() > kMaxText) {
    return FailValue(value, "is longer than {} bytes", kMaxText);
  }
  return value.node.text;
}

// Digits as a number; nothing if they are none, or too many.
std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

std::optional<uint64_t> SecondsIn(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  return std::nullopt;
}

Result<std::string> NormalPath(const ConfigValue& value, std::string_view path) {
  std::string normal;
  for (const auto& part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      return FailValue(value, "{} must not hold \"..\"; write the path it means", Quoted(path));
    }
    normal += "/" + part;
  }
  if (normal.empty()) return FailValue(value, "must not be the root directory");
  return normal;
}

}  // namespace

Result<void> ReadFields(const ConfigValue& map, std::span<const ConfigField> fields) {
  ORCIO_TRY(CheckKind(map, YamlNode::Kind::kMap));
  for (const auto& entry : map.node.entries) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const ConfigField& f) { return f.key == entry.key; });
    if (field == fields.end()) {
      std::vector<std::string_view> known;
      for (const auto& f : fields) known.push_back(f.key);
      return FailAt(entry.at, "{}: unknown key{}", ChildName(map, entry.key),
                    entry.key == "<<" ? "; YAML's merge keys are not supported, repeat the keys"
                                      : Suggestion(entry.key, known));
    }
    ORCIO_TRY(CheckUnique(map, entry));
    ORCIO_TRY(field->read(ConfigValue{*entry.value, ChildName(map, entry.key)}));
  }
  return {};
}

const YamlNode::Entry* FindEntry(const YamlNode& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [&](const auto& entry) { return entry.key == key; });
  return found == map.entries.end() ? nullptr : &*found;
}

Result<std::vector<NamedValue>> ReadNamed(const ConfigValue& map) {
  ORCIO_TRY(CheckKind(map, YamlNode::Kind::kMap));
  std::vector<NamedValue> values;
  for (const auto& entry : map.node.entries) {
    ConfigValue value{*entry.value, ChildName(map, entry.key)};
    if (!IsServiceName(entry.key)) {
      return FailAt(entry.at,
                    "{}: cannot be a name; write 1 to 64 letters, digits, dots, dashes or "
                    "underscores, a letter or digit first",
                    value.name);
    }
    ORCIO_TRY(CheckUnique(map, entry));
    values.push_back(NamedValue{entry.key, entry.at, std::move(value)});
  }
  return values;
}

Result<std::vector<ConfigValue>> ReadItems(const ConfigValue& list) {
  ORCIO_TRY(CheckKind(list, YamlNode::Kind::kList));
  std::vector<ConfigValue> values;
  for (const auto& item : list.node.items) {
    values.push_back(ConfigValue{*item, fmt::format("{}[{}]", list.name, values.size() + 1)});
  }
  return values;
}

Result<std::string> ReadText(const ConfigValue& value) {
  auto text = ORCIO_TRY(ReadAnyText(value));
  if (HasControl(text)) {
    return FailValue(value, "{} holds a control character; it must be one line of text",
                     Quoted(text));
  }
  return text;
}

Result<std::string> ReadCommand(const ConfigValue& value) {
  auto text = ORCIO_TRY(ReadAnyText(value));
  std::string visible = text;
  std::erase_if(visible, [](char c) { return c == '\n' || c == '\t'; });
  if (HasControl(visible)) {
    return FailValue(value, "{} holds a control character", Quoted(text));
  }
  return text;
}

Result<size_t> ReadChoice(const ConfigValue& value, std::span<const std::string_view> words) {
  const auto text = ORCIO_TRY(ReadText(value));
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  return FailValue(value, "{} is not a choice{}", Quoted(text), Suggestion(text, words));
}

Result<bool> ReadBool(const ConfigValue& value) {
  ORCIO_TRY(CheckKind(value, YamlNode::Kind::kText));
  const std::string& text = value.node.text;
  const bool yes = text == "true" || text == "yes" || text == "on";
  if (!yes && text != "false" && text != "no" && text != "off") {
    return FailValue(value, "must be true or false, not {}", Quoted(text));
  }
  if (value.node.quoted) {
    return FailValue(value, "must be true or false, not text; remove the quotes");
  }
  return yes;
}

Result<uint64_t> ReadNumber(const ConfigValue& value, uint64_t least, uint64_t most) {
  ORCIO_TRY(CheckKind(value, YamlNode::Kind::kText));
  const std::string& text = value.node.text;
  const auto number = ParseNumber(text);
  if (number && value.node.quoted) {
    return FailValue(value, "must be a number, not text; remove the quotes");
  }
  // YAML readers disagree on whether 010 is eight or ten.
  if (number && text.size() > 1 && text.front() == '0') {
    return FailValue(value, "must be a number without leading zeros; write {}", *number);
  }
  if (!number || *number < least || *number > most) {
    return FailValue(value, "must be a number from {} to {}, not {}", least, most, Quoted(text));
  }
  return *number;
}

Result<double> ReadShare(const ConfigValue& value) {
  ORCIO_TRY(CheckKind(value, YamlNode::Kind::kText));
  const std::string& text = value.node.text;
  const char* const end = text.data() + text.size();
  double share = -1;
  const auto read = std::from_chars(text.data(), end, share, std::chars_format::fixed);
  const bool is_share = read.ec == std::errc() && read.ptr == end && share >= 0 && share <= 1;
  if (is_share && value.node.quoted)
    return FailValue(value, "must be a number, not text; remove the quotes");
  if (is_share) return share + 0.0;  // -0 is 0
  return FailValue(value, "must be a number from 0 to 1, such as 0.1, not {}", Quoted(text));
}

Result<std::chrono::seconds> ReadDuration(const ConfigValue& value) {
  constexpr uint64_t kMost = uint64_t{365} * 86400;
  const auto text = ORCIO_TRY(ReadText(value));
  if (text.front() == '-') return FailValue(value, "must not be negative, as {} is", Quoted(text));
  const size_t digits = std::min(text.find_first_not_of(kDigits), text.size());
  const auto number = ParseNumber(std::string_view(text).substr(0, digits));
  const auto unit = SecondsIn(std::string_view(text).substr(digits));
  if (digits == 0 || !unit) {
    return FailValue(value, "must be a time such as 30s, 5m, 2h or 1d, not {}", Quoted(text));
  }
  if (!number || *number > kMost / *unit) {
    return FailValue(value, "{} is longer than 365 days", Quoted(text));
  }
  if (*number == 0) {
    return FailValue(value, "must be at least 1s; remove the key for the default");
  }
  return std::chrono::seconds(*number * *unit);
}

Result<std::string> ReadAbsolutePath(const ConfigValue& value) {
  const auto text = ORCIO_TRY(ReadText(value));
  if (text.front() != '/') {
    return FailValue(value, "must be an absolute path, not {}; write it from / on", Quoted(text));
  }
  return NormalPath(value, text);
}

Result<std::string> ReadHomePath(const ConfigValue& value) {
  const auto text = ORCIO_TRY(ReadText(value));
  if (text.front() == '/') return NormalPath(value, text);
  if (!text.starts_with("~/")) {
    return FailValue(value, "must be an absolute path or start with ~/, not {}", Quoted(text));
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    return FailValue(value, "{} needs HOME, which is not set; write the path from / on",
                     Quoted(text));
  }
  return NormalPath(value, home + text.substr(1));
}

std::string Quoted(std::string_view text) {
  const bool whole = text.size() <= kMaxQuoted;
  size_t cut = whole ? text.size() : kMaxQuoted;
  while (!whole && cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return fmt::format("\"{}\"{}", SafeText(text.substr(0, cut)), whole ? "" : "...");
}

}  // namespace orcio::inline archiver

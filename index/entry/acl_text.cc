#include "index/entry/acl_text.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace orcio::inline index {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// Takes the part up to the next of `separators` off the front.
std::string_view NextPart(std::string_view& text, std::string_view separators) {
  const size_t end = std::min(text.find_first_of(separators), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return Trimmed(part);
}

std::optional<uint32_t> ParseQualifier(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::optional<uint16_t> ParsePermissions(std::string_view text) {
  uint16_t permissions = 0;
  for (const char c : text) {
    switch (c) {
      case 'r':
        permissions |= 4;
        break;
      case 'w':
        permissions |= 2;
        break;
      case 'x':
        permissions |= 1;
        break;
      case '-':
        break;
      default:
        return std::nullopt;
    }
  }
  return permissions;
}

// A whole word, or its first letter.
bool IsWord(std::string_view text, std::string_view word) {
  return text == word || (text.size() == 1 && text[0] == word[0]);
}

void ParseEntry(std::string_view line, bool is_default, AclTexts& acls) {
  line = Trimmed(line.substr(0, line.find('#')));
  std::string_view tag = NextPart(line, ":");
  // "default:user:..." (star), "defaultuser:..." (Solaris).
  if (constexpr std::string_view kDefault = "default"; tag.starts_with(kDefault)) {
    is_default = true;
    tag.remove_prefix(kDefault.size());
    if (tag.empty()) tag = NextPart(line, ":");
  }
  const bool user = IsWord(tag, "user");
  const bool group = IsWord(tag, "group");
  const bool mask = IsWord(tag, "mask");
  if (!user && !group && !mask && !IsWord(tag, "other")) return;
  // Solaris leaves the empty name of mask and other out: "mask:r-x".
  const bool named = user || group || line.starts_with(':');
  const std::string_view name = named ? NextPart(line, ":") : std::string_view();
  const auto permissions = ParsePermissions(NextPart(line, ":"));
  if (!permissions) return;
  AclEntry entry{.permissions = *permissions};
  if (mask || (!user && !group)) {
    entry.tag = mask ? AclTag::kMask : AclTag::kOther;
  } else if (name.empty()) {
    entry.tag = user ? AclTag::kUserObject : AclTag::kGroupObject;
  } else {
    // The number that star puts last counts before a name that looks like one.
    const auto behind = ParseQualifier(NextPart(line, ":"));
    const auto id = behind ? behind : ParseQualifier(name);
    if (!id) {
      // Whom this machine knows by that name is not whom the archive meant.
      acls.unknown.emplace_back(name);
      return;
    }
    entry.tag = user ? AclTag::kUser : AclTag::kGroup;
    entry.id = *id;
  }
  (is_default ? acls.defaults : acls.access).push_back(entry);
}

}  // namespace

void ParseAclText(std::string_view text, bool is_default, AclTexts& acls) {
  text = text.substr(0, text.find('\0'));
  while (!text.empty()) ParseEntry(NextPart(text, ",\n"), is_default, acls);
}

}  // namespace orcio::inline index

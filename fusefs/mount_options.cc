#include "fusefs/mount_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>

#include "index/bytes.h"

namespace orcio {
namespace {

// For mount(8), systemd and the like, or true of every mount of ours anyway.
bool MeansNothingHere(std::string_view word) {
  constexpr std::array<std::string_view, 22> kWords{
      "ro",      "nosuid", "nodev",  "defaults", "auto",       "noauto",      "user",  "nouser",
      "users",   "owner",  "group",  "_netdev",  "nofail",     "exec",        "async", "atime",
      "noatime", "loud",   "silent", "relatime", "nodiratime", "strictatime",
  };
  return word.empty() || word.starts_with("user=") || word.starts_with("x-") ||
         word.starts_with("X-") || word.starts_with("comment=") ||
         std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::vector<std::string_view> Split(const std::vector<std::string>& words) {
  std::vector<std::string_view> parts;
  for (std::string_view rest : words) {
    for (size_t comma = rest.find(','); comma != rest.npos; comma = rest.find(',')) {
      parts.push_back(rest.substr(0, comma));
      rest.remove_prefix(comma + 1);
    }
    parts.push_back(rest);
  }
  return parts;
}

// All of `text`, as a number up to `most`.
std::optional<uint32_t> Number(std::string_view text, int base, uint32_t most) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || rest != end || number > most) return std::nullopt;
  return number;
}

// False where `word` is not one of those with a value.
Result<bool> TakeValue(std::string_view word, ParsedMountOptions& parsed) {
  const size_t equals = std::min(word.find('='), word.size() - 1);
  const std::string_view key = word.substr(0, equals + 1);
  const std::string_view value = word.substr(equals + 1);
  if (key == "cache_size=") {
    const auto bytes = ParseSize(value);
    if (!bytes)
      return Fail(ErrorKind::kInvalid, "mount option {}: {}", word, bytes.error().message);
    parsed.cache_bytes = *bytes;
    return true;
  }
  // 2^32-1 is nobody's id: system calls take it as "leave it as it is".
  constexpr uint32_t kMostId = std::numeric_limits<uint32_t>::max() - 1;
  const auto take = [&](int base, uint32_t most, std::string_view what,
                        auto& into) -> Result<bool> {
    const auto number = Number(value, base, most);
    if (!number)
      return Fail(ErrorKind::kInvalid, "mount option {}: '{}' is no {}", word, value, what);
    into = typename std::remove_reference_t<decltype(into)>(*number);
    return true;
  };
  if (key == "uid=") return take(10, kMostId, "user id: write a number", parsed.shown.uid);
  if (key == "gid=") return take(10, kMostId, "group id: write a number", parsed.shown.gid);
  if (key == "umask=")
    return take(8, 0777, "umask: write an octal number up to 777", parsed.shown.umask);
  if (key == "idle_timeout=")
    return take(10, kMostId, "time: write a number of seconds, 0 for never", parsed.idle_timeout);
  return false;
}

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  constexpr std::string_view kUnits = "KMGT";
  std::optional<uint64_t> bytes;
  if (error == std::errc() && unit.empty()) bytes = number;
  if (error == std::errc() && unit.size() == 1) {
    const size_t power = kUnits.find(static_cast<char>(unit[0] & ~0x20));  // either case
    if (power != kUnits.npos) bytes = CheckedMultiply(number, uint64_t{1024} << (10 * power));
  }
  if (!bytes)
    return Fail(ErrorKind::kInvalid, "'{}' is no size: write a number, or one with K, M or G",
                text);
  return *bytes;
}

Result<ParsedMountOptions> ParseMountOptions(const std::vector<std::string>& words,
                                             uint64_t default_cache_bytes, bool as_root) {
  ParsedMountOptions parsed;
  parsed.cache_bytes = default_cache_bytes;
  bool allow_other = as_root;
  parsed.fuse = {"ro", "nosuid", "nodev", "subtype=orcio"};
  for (const std::string_view word : Split(words)) {
    if (MeansNothingHere(word)) continue;
    if (ORCIO_TRY(TakeValue(word, parsed))) continue;
    if (word == "allow_other") {
      allow_other = true;
    } else if (word == "default_permissions") {
      parsed.default_permissions = true;
    } else if (word == "noexec") {
      parsed.fuse.emplace_back(word);
    } else if (word == "rw" || word == "suid" || word == "dev") {
      return Fail(ErrorKind::kInvalid,
                  "mount option {}: archives are mounted ro,nosuid,nodev; write ro in its place",
                  word);
    } else {
      return Fail(ErrorKind::kInvalid, "unknown mount option {}", word);
    }
  }
  if (allow_other) parsed.fuse.emplace_back("allow_other");
  // Whoever else looks sees what the permissions let them see.
  if (allow_other) parsed.default_permissions = true;
  if (parsed.default_permissions) parsed.fuse.emplace_back("default_permissions");
  return parsed;
}

}  // namespace orcio

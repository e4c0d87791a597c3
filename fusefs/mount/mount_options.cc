#include "fusefs/mount/mount_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/bytes.h"
#include "base/text/suggestion.h"

namespace orcio::inline fusefs {
namespace {

// For mount(8), systemd and the like, or true of every mount of ours anyway.
bool MeansNothingHere(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>({
      "ro",       "nosuid",     "nodev",    "defaults",   "auto",        "noauto",
      "user",     "nouser",     "users",    "nousers",    "owner",       "noowner",
      "group",    "nogroup",    "_netdev",  "nofail",     "exec",        "async",
      "sync",     "dirsync",    "atime",    "noatime",    "diratime",    "nodiratime",
      "relatime", "norelatime", "lazytime", "nolazytime", "strictatime", "nostrictatime",
      "iversion", "noiversion", "mand",     "nomand",     "loud",        "silent",
  });
  return word.empty() || word.starts_with("user=") || word.starts_with("x-") ||
         word.starts_with("X-") || word.starts_with("comment=") ||
         std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// SELinux' labels, which mount(8) has for every file system: the kernel's.
bool IsContext(std::string_view word) {
  constexpr auto kKeys =
      std::to_array<std::string_view>({"context=", "fscontext=", "defcontext=", "rootcontext="});
  return std::any_of(kKeys.begin(), kKeys.end(),
                     [&](std::string_view key) { return word.starts_with(key); });
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

// False if `word` is not one of those with a value.
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
  if (key == "symlinks=") {
    if (value != "inside" && value != "archived") {
      return Fail(ErrorKind::kInvalid,
                  "mount option {}: it is symlinks=inside or symlinks=archived", word);
    }
    parsed.symlinks_inside = value == "inside";
    return true;
  }
  if (key == "idle_timeout=")
    return take(10, kMostId, "time: write a number of seconds, 0 for never", parsed.idle_timeout);
  return false;
}

// Who, beside the user that mounts, may look.
enum class Looker { kNobody, kRoot, kEverybody };

std::optional<Looker> ReadLooker(std::string_view word) {
  if (word == "noallow_other") return Looker::kNobody;
  if (word == "allow_root") return Looker::kRoot;
  if (word == "allow_other") return Looker::kEverybody;
  return std::nullopt;
}

// Archives open to everybody, and no permissions that guard them, is for both words to say.
Looker UnlessSaid(bool as_root, bool default_permissions) {
  return as_root && default_permissions ? Looker::kEverybody : Looker::kNobody;
}

// The kernel knows no allow_root, and libfuse's does not see what the kernel answers from what it
// has kept, which here is nearly everything. So the permissions of the mount's root keep the others
// out.
Result<void> LetIn(Looker looker, ParsedMountOptions& parsed) {
  if (looker == Looker::kNobody) return {};
  parsed.fuse.emplace_back("allow_other");
  parsed.shown.root_is_private = looker == Looker::kRoot;
  if (parsed.shown.root_is_private && !parsed.default_permissions) {
    return Fail(ErrorKind::kInvalid,
                "mount option allow_root: with nodefault_permissions nothing would keep other "
                "users out; leave out one of them");
  }
  return {};
}

// fusermount3(1) would not hear of it: a mount without it would look as if it had it.
Result<void> CheckSymfollow(bool as_root, const ParsedMountOptions& parsed) {
  if (as_root || !parsed.nosymfollow) return {};
  return Fail(ErrorKind::kInvalid,
              "mount option nosymfollow: only root can have it; symlinks=inside keeps symlinks "
              "within their archive for everybody");
}

Failure RefuseWord(std::string_view word) {
  if (word == "rw" || word == "suid" || word == "dev") {
    return Fail(ErrorKind::kInvalid,
                "mount option {}: archives are mounted ro,nosuid,nodev; write ro in its place",
                word);
  }
  if (word == "remount") {
    return Fail(ErrorKind::kInvalid,
                "mount option {}: unmount it, and mount it again with other options", word);
  }
  std::vector<std::string_view> keys;
  for (const std::string_view one : kMountOptionWords) keys.push_back(one.substr(0, one.find('=')));
  const auto meant = NearestWord(word.substr(0, word.find('=')), keys);
  return Fail(ErrorKind::kInvalid, "unknown mount option {}{} {}", word,
              meant ? fmt::format("; did you mean `{}`? Known are:", *meant) : "; known are:",
              fmt::join(kMountOptionWords, ", "));
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
  parsed.fuse = {"ro", "nosuid", "nodev", "subtype=orcio"};
  std::optional<Looker> let_in;
  for (const std::string_view word : Split(words)) {
    if (MeansNothingHere(word)) continue;
    if (ORCIO_TRY(TakeValue(word, parsed))) continue;
    if (const auto looker = ReadLooker(word)) {
      let_in = looker;
    } else if (word == "default_permissions" || word == "nodefault_permissions") {
      parsed.default_permissions = word == "default_permissions";
    } else if (word == "noexec" || IsContext(word)) {
      parsed.fuse.emplace_back(word);
    } else if (word == "symfollow" || word == "nosymfollow") {
      parsed.nosymfollow = word == "nosymfollow";
    } else {
      return RefuseWord(word);
    }
  }
  ORCIO_TRY(CheckSymfollow(as_root, parsed));
  ORCIO_TRY(LetIn(let_in.value_or(UnlessSaid(as_root, parsed.default_permissions)), parsed));
  if (parsed.default_permissions) parsed.fuse.emplace_back("default_permissions");
  return parsed;
}

}  // namespace orcio::inline fusefs

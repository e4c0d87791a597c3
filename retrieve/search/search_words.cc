#include "retrieve/search/search_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace orcio::inline retrieve {
namespace {

std::optional<uint64_t> Whole(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// A number and a unit's letter, of which `units` has a number of `base`s each.
std::optional<uint64_t> WithUnit(std::string_view text, std::string_view units,
                                 std::span<const uint64_t> worth) {
  uint64_t factor = 1;
  if (!text.empty()) {
    const size_t unit = units.find(text.back());
    if (unit != std::string_view::npos) {
      factor = worth[unit];
      text.remove_suffix(1);
    }
  }
  const auto number = Whole(text);
  return number ? CheckedMultiply(*number, factor) : std::nullopt;
}

std::optional<int64_t> ReadDate(std::string_view text) {
  const bool utc = text.ends_with('Z');
  const std::string date(utc ? text.substr(0, text.size() - 1) : text);
  constexpr std::array kForms{"%Y-%m-%d",          "%Y-%m-%dT%H:%M",    "%Y-%m-%d %H:%M",
                              "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H%M%S"};
  for (const char* form : kForms) {
    std::tm parts{};
    const char* end = ::strptime(date.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    return utc ? ::timegm(&parts) : ::mktime(&parts);
  }
  return std::nullopt;
}

struct TypeName {
  char letter;
  std::string_view word;
  EntryType type;
};
constexpr std::array<TypeName, 7> kTypeNames{{
    {'f', "file", EntryType::kFile},
    {'d', "directory", EntryType::kDirectory},
    {'l', "symlink", EntryType::kSymlink},
    {'c', "character_device", EntryType::kCharacterDevice},
    {'b', "block_device", EntryType::kBlockDevice},
    {'p', "fifo", EntryType::kFifo},
    {'s', "socket", EntryType::kSocket},
}};

}  // namespace

Result<void> ReadSize(std::string_view text, SearchCriteria& criteria) {
  constexpr std::array<uint64_t, 4> kWorth{uint64_t{1} << 10, uint64_t{1} << 20, uint64_t{1} << 30,
                                           uint64_t{1} << 40};
  const bool least = text.starts_with('+');
  const bool most = text.starts_with('-');
  const auto bytes = WithUnit(text.substr(least || most ? 1 : 0), "kMGT", kWorth);
  if (!bytes) {
    return Fail(ErrorKind::kInvalid,
                "'{}' is no size: write +1M (at least), -10k (at most) or 512 (bytes)", text);
  }
  if (!most) criteria.least_bytes = *bytes;
  if (!least) criteria.most_bytes = *bytes;
  return {};
}

Result<int64_t> ReadMoment(std::string_view text, int64_t now) {
  constexpr std::array<uint64_t, 5> kWorth{1, 60, 3600, 86400, 7 * 86400};
  if (const auto date = ReadDate(text)) return *date;
  if (text.starts_with('@')) {
    const bool before = text.substr(1).starts_with('-');
    const auto seconds = Whole(text.substr(before ? 2 : 1));
    if (seconds && *seconds <= INT64_MAX)
      return before ? -static_cast<int64_t>(*seconds) : static_cast<int64_t>(*seconds);
  }
  const auto ago = text.empty() || Whole(text) ? std::nullopt : WithUnit(text, "smhdw", kWorth);
  if (ago && *ago <= INT64_MAX / 2) return now - static_cast<int64_t>(*ago);
  return Fail(ErrorKind::kInvalid,
              "'{}' is no time: write 2026-11-23, 2026-11-23T02:00, @SECONDS, or how long ago: "
              "90s, 15m, 12h, 7d, 2w",
              text);
}

Result<void> ReadTypes(std::string_view text, SearchCriteria& criteria) {
  for (std::string_view left = text; !left.empty() || criteria.types.empty();) {
    const std::string_view word = left.substr(0, left.find(','));
    left.remove_prefix(std::min(left.size(), word.size() + 1));
    const auto* known =
        std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const TypeName& name) {
          return word == name.word || word == std::string_view(&name.letter, 1);
        });
    if (known == kTypeNames.end()) {
      return Fail(ErrorKind::kInvalid,
                  "'{}' is no type: write f (file), d (directory), l (symlink), c, b, p or s",
                  word);
    }
    criteria.types.push_back(known->type);
  }
  return {};
}

}  // namespace orcio::inline retrieve

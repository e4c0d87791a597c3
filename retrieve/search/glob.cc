#include "retrieve/search/glob.h"

#include <algorithm>
#include <cstdint>

namespace orcio::inline retrieve {
namespace {

constexpr uint32_t kFirstStrayByte = 0x110000;  // after Unicode's last: bytes that are no UTF-8
constexpr uint32_t kSlash = '/';

bool Continues(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// Takes the first character off `text`, which is not empty.
uint32_t TakeCharacter(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t bytes = first < 0x80   ? 1
                       : first < 0xC2 ? 0
                       : first < 0xE0 ? 2
                       : first < 0xF0 ? 3
                                      : 4;
  bool sound = bytes != 0 && first < 0xF5;
  uint32_t character = bytes < 2 ? first : first & (0xFFU >> (bytes + 1));
  for (size_t i = 1; sound && i < bytes; ++i) {
    sound = Continues(text, i);
    if (sound) character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(sound ? bytes : 1);
  return sound ? character : kFirstStrayByte + first;
}

// Takes one side of a range, or a single character, off a set.
uint32_t TakeOfSet(std::string_view& set) {
  if (set.front() == '\\' && set.size() > 1) set.remove_prefix(1);
  return TakeCharacter(set);
}

// The bytes of the set after its '[', up to its ']'; npos if it is not closed. A ']' right at
// the beginning is one of the set.
size_t SetBytes(std::string_view behind) {
  size_t at = !behind.empty() && (behind[0] == '!' || behind[0] == '^') ? 1 : 0;
  for (const size_t first = at; at < behind.size(); ++at) {
    if (behind[at] == ']' && at > first) return at;
    if (behind[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

bool InSet(std::string_view set, uint32_t character) {
  const bool negated = set.front() == '!' || set.front() == '^';
  if (negated) set.remove_prefix(1);
  bool in = false;
  while (!set.empty()) {
    const uint32_t low = TakeOfSet(set);
    uint32_t high = low;
    if (set.size() > 1 && set.front() == '-') {
      set.remove_prefix(1);
      high = TakeOfSet(set);
    }
    in = in || (low <= character && character <= high);
  }
  return in != negated && character != kSlash;
}

// Matches one character of `glob`, which does not begin with '*', and takes both off.
bool TakeOne(std::string_view& glob, std::string_view& text) {
  if (glob.empty() || text.empty()) return false;
  if (glob.front() == '?') {
    glob.remove_prefix(1);
    return TakeCharacter(text) != kSlash;
  }
  if (glob.front() == '[') {
    const size_t bytes = SetBytes(glob.substr(1));
    if (bytes != std::string_view::npos) {
      const std::string_view set = glob.substr(1, bytes);
      glob.remove_prefix(bytes + 2);
      return InSet(set, TakeCharacter(text));
    }
  }
  if (glob.front() == '\\' && glob.size() > 1) glob.remove_prefix(1);
  const bool same = glob.front() == text.front();
  glob.remove_prefix(1);
  text.remove_prefix(1);
  return same;
}

}  // namespace

bool GlobMatches(std::string_view glob, std::string_view text) {
  // Only the last '*' ever has to take more: what an earlier one takes decides nothing.
  std::optional<std::string_view> behind_star;
  std::string_view star_text;
  while (!text.empty() || !glob.empty()) {
    if (!glob.empty() && glob.front() == '*') {
      glob.remove_prefix(1);
      behind_star = glob;
      star_text = text;
      continue;
    }
    if (TakeOne(glob, text)) continue;
    if (!behind_star || star_text.empty()) return false;
    static_cast<void>(TakeCharacter(star_text));
    glob = *behind_star;
    text = star_text;
  }
  return true;
}

std::optional<std::string> LiteralOf(std::string_view glob) {
  std::string literal;
  for (size_t i = 0; i < glob.size(); ++i) {
    const char c = glob[i];
    if (c == '*' || c == '?') return std::nullopt;
    if (c == '[' && SetBytes(glob.substr(i + 1)) != std::string_view::npos) return std::nullopt;
    if (c == '\\' && i + 1 < glob.size()) ++i;
    literal += glob[i];
  }
  return literal;
}

}  // namespace orcio::inline retrieve

#include "base/text/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace orcio {
namespace {

constexpr size_t kMaxWord = 255;  // a file's name can be as long

// How many letters must change, come or go to make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  // Near to nothing, and not worth the time.
  if (a.size() > kMaxWord || b.size() > kMaxWord) return a.size() + b.size();
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> NearestWord(std::string_view word,
                                            std::span<const std::string_view> known) {
  // Two letters that changed places count as two.
  const size_t near = std::max<size_t>(word.size() / 3, 2);
  std::optional<std::string_view> nearest;
  size_t least = std::min(near + 1, word.size());
  for (const std::string_view other : known) {
    const size_t apart = std::max(word.size(), other.size()) - std::min(word.size(), other.size());
    if (apart >= least) continue;
    const size_t distance = EditDistance(word, other);
    if (distance >= least) continue;
    least = distance;
    nearest = other;
  }
  return nearest;
}

std::string Suggestion(std::string_view word, std::span<const std::string_view> known) {
  if (known.empty()) return "";
  if (const auto nearest = NearestWord(word, known))
    return fmt::format("; did you mean `{}`?", *nearest);
  return fmt::format("; known are: {}", fmt::join(known, ", "));
}

}  // namespace orcio

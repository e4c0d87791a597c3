#include "retrieve/compare/text_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <unordered_map>
#include <vector>

namespace orcio::inline retrieve {
namespace {

constexpr int64_t kContextLines = 3;
constexpr int64_t kMostEdits = 4000;  // on one side of the middle; the work is its square

using Lines = std::vector<std::string_view>;  // each with its newline, but for a last one
using Ids = std::span<const uint32_t>;        // equal lines have equal ids

Lines SplitLines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const size_t bytes = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return lines;
}

// Finds which lines come and go: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations",
// 1986, section 4b: where a shortest way from the beginning and one from the end meet divides it.
class LineDiff {
 public:
  LineDiff(Ids before, Ids after)
      : before_(before), after_(after), removed_(before.size()), added_(after.size()) {
    Divide(0, Count(before), 0, Count(after));
  }
  [[nodiscard]] bool removed(int64_t line) const { return removed_[static_cast<size_t>(line)]; }
  [[nodiscard]] bool added(int64_t line) const { return added_[static_cast<size_t>(line)]; }

 private:
  struct Meeting {  // a stretch in common, from (x, y) to (u, v)
    int64_t x = 0, y = 0, u = 0, v = 0;
    bool found = false;
  };

  static int64_t Count(Ids ids) { return static_cast<int64_t>(ids.size()); }
  [[nodiscard]] bool Same(int64_t a, int64_t b) const {
    return before_[static_cast<size_t>(a)] == after_[static_cast<size_t>(b)];
  }

  void Divide(int64_t a, int64_t a_end, int64_t b, int64_t b_end) {
    while (a < a_end && b < b_end && Same(a, b)) ++a, ++b;
    while (a < a_end && b < b_end && Same(a_end - 1, b_end - 1)) --a_end, --b_end;
    const Meeting at = a < a_end && b < b_end ? Meet(a, a_end - a, b, b_end - b) : Meeting();
    if (at.found) {
      Divide(a, a + at.x, b, b + at.y);
      Divide(a + at.u, a_end, b + at.v, b_end);
      return;
    }
    std::fill(removed_.begin() + a, removed_.begin() + a_end, true);
    std::fill(added_.begin() + b, added_.begin() + b_end, true);
  }

  // Of n lines from a and m from b, which neither begin nor end alike.
  [[nodiscard]] Meeting Meet(int64_t a, int64_t n, int64_t b, int64_t m) const {
    const int64_t most = std::min((n + m + 1) / 2, kMostEdits);
    const int64_t middle = most + 1;
    // How far along `before` one got on each diagonal with so many edits, from either end.
    std::vector<int64_t> forward(static_cast<size_t>(2 * middle + 1));
    std::vector<int64_t> backward(forward.size());
    const auto at = [&](std::vector<int64_t>& reached, int64_t k) -> int64_t& {
      return reached[static_cast<size_t>(k + middle)];
    };
    for (int64_t edits = 0; edits <= most; ++edits) {
      for (const bool ahead : {true, false}) {
        auto& mine = ahead ? forward : backward;
        auto& other = ahead ? backward : forward;
        const int64_t last = edits - 2 * std::max<int64_t>(0, edits - n);
        for (int64_t k = -(edits - 2 * std::max<int64_t>(0, edits - m)); k <= last; k += 2) {
          const bool down = k == -edits || (k != edits && at(mine, k - 1) < at(mine, k + 1));
          int64_t x = down ? at(mine, k + 1) : at(mine, k - 1) + 1;
          int64_t y = x - k;
          const int64_t from_x = x;
          const int64_t from_y = y;
          while (x < n && y < m &&
                 (ahead ? Same(a + x, b + y) : Same(a + n - 1 - x, b + m - 1 - y)))
            ++x, ++y;
          at(mine, k) = x;
          const int64_t z = n - m - k;  // the same diagonal, seen from the other end
          const int64_t others = ahead ? edits - 1 : edits;
          if (((n + m) % 2 == 1) != ahead || z < -others || z > others || x + at(other, z) < n)
            continue;
          if (ahead) return {from_x, from_y, x, y, true};
          return {n - x, m - y, n - from_x, m - from_y, true};
        }
      }
    }
    return {};
  }

  const Ids before_;
  const Ids after_;
  std::vector<bool> removed_;
  std::vector<bool> added_;
};

struct Hunk {  // lines [a, a_end) become [b, b_end)
  int64_t a = 0, a_end = 0, b = 0, b_end = 0;
};

std::vector<Hunk> ChangesOf(const LineDiff& diff, int64_t before_lines, int64_t after_lines) {
  std::vector<Hunk> changes;
  for (int64_t a = 0, b = 0; a < before_lines || b < after_lines;) {
    Hunk change{a, a, b, b};
    while (change.a_end < before_lines && diff.removed(change.a_end)) ++change.a_end;
    while (change.b_end < after_lines && diff.added(change.b_end)) ++change.b_end;
    a = change.a_end;
    b = change.b_end;
    if (change.a == a && change.b == b) {
      ++a, ++b;
    } else {
      changes.push_back(change);
    }
  }
  return changes;
}

void AppendLine(char mark, std::string_view line, std::string& to) {
  to += mark;
  to += line;
  if (!line.ends_with('\n')) to += "\n\\ No newline at end of file\n";
}

// "3,4" as hunk headers have it: an empty range stands after the line before it.
std::string RangeText(int64_t begin, int64_t end) {
  if (end - begin == 1) return fmt::format("{}", begin + 1);
  return fmt::format("{},{}", begin == end ? begin : begin + 1, end - begin);
}

// `changes` are so near to each other that they share lines of context.
void AppendHunk(std::span<const Hunk> changes, const Lines& before, const Lines& after,
                std::string& to) {
  const int64_t lead = std::min(kContextLines, changes.front().a);
  const int64_t trail = std::min(kContextLines, std::ssize(before) - changes.back().a_end);
  to += fmt::format("@@ -{} +{} @@\n",
                    RangeText(changes.front().a - lead, changes.back().a_end + trail),
                    RangeText(changes.front().b - lead, changes.back().b_end + trail));
  int64_t a = changes.front().a - lead;
  const auto same_up_to = [&](int64_t end) {
    for (; a < end; ++a) AppendLine(' ', before[static_cast<size_t>(a)], to);
  };
  for (const Hunk& change : changes) {
    same_up_to(change.a);
    for (; a < change.a_end; ++a) AppendLine('-', before[static_cast<size_t>(a)], to);
    for (int64_t b = change.b; b < change.b_end; ++b)
      AppendLine('+', after[static_cast<size_t>(b)], to);
  }
  same_up_to(changes.back().a_end + trail);
}

}  // namespace

bool IsText(std::string_view content) {
  return content.find('\0') == std::string_view::npos;
}

std::string UnifiedDiff(std::string_view before, std::string_view after) {
  const Lines old_lines = SplitLines(before);
  const Lines new_lines = SplitLines(after);
  std::unordered_map<std::string_view, uint32_t> ids;
  const auto ids_of = [&](const Lines& lines) {
    std::vector<uint32_t> numbers;
    for (const std::string_view line : lines)
      numbers.push_back(ids.try_emplace(line, static_cast<uint32_t>(ids.size())).first->second);
    return numbers;
  };
  const auto old_ids = ids_of(old_lines);
  const auto new_ids = ids_of(new_lines);
  const auto changes =
      ChangesOf(LineDiff(old_ids, new_ids), std::ssize(old_lines), std::ssize(new_lines));
  std::string text;
  for (size_t begin = 0; begin < changes.size();) {
    size_t end = begin + 1;
    while (end < changes.size() && changes[end].a - changes[end - 1].a_end <= 2 * kContextLines)
      ++end;
    AppendHunk(std::span(changes).subspan(begin, end - begin), old_lines, new_lines, text);
    begin = end;
  }
  return text;
}

std::string DiffName(std::string_view name) {
  const bool plain = std::none_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || c == '"' || c == '\\';
  });
  if (plain) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\{:03o}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace orcio::inline retrieve

#include "retrieve/search/path_pattern.h"

#include <bit>

#include "index/entry/tar_path.h"
#include "retrieve/search/glob.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kMostParts = 60;  // a bit each

}  // namespace

Result<PathPattern> PathPattern::Parse(std::string_view text) {
  PathPattern pattern;
  std::string_view left = text;
  while (left.ends_with('/')) left.remove_suffix(1);
  if (left.find('/') == std::string_view::npos)
    pattern.parts_.push_back({.glob = {}, .literal = {}, .any_depth = true});
  for (auto part = NextComponent(left); !part.empty(); part = NextComponent(left)) {
    const bool any_depth = part == "**";
    pattern.parts_.push_back({std::string(part), LiteralOf(part), any_depth});
    if (pattern.parts_.size() > kMostParts) {
      return Fail(ErrorKind::kInvalid, "{}: a pattern of more than {} components", text,
                  kMostParts);
    }
  }
  if (pattern.parts_.empty() || (pattern.parts_.size() == 1 && pattern.parts_[0].glob.empty()))
    return Fail(ErrorKind::kInvalid, "'{}' is no pattern: write a name or a path, e.g. *.php",
                text);
  return pattern;
}

PathPattern::States PathPattern::WithAnyDepth(States states) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].any_depth && (states >> i & 1) != 0) states |= States{2} << i;
  }
  return states;
}

PathPattern::States PathPattern::Step(States states, std::string_view name) const {
  States next = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if ((states >> i & 1) == 0) continue;
    const Part& part = parts_[i];
    if (part.any_depth) {
      next |= States{1} << i;
    } else if (part.literal ? *part.literal == name : GlobMatches(part.glob, name)) {
      next |= States{2} << i;
    }
  }
  return WithAnyDepth(next);
}

std::optional<std::string_view> PathPattern::OnlyName(States states) const {
  if (std::popcount(states) != 1 || !GoesOn(states)) return std::nullopt;
  const Part& part = parts_[static_cast<size_t>(std::countr_zero(states))];
  return part.any_depth ? std::nullopt : std::optional<std::string_view>(part.literal);
}

std::optional<std::string_view> PathPattern::ExactName() const {
  if (parts_.size() != 2 || !parts_[0].any_depth) return std::nullopt;
  return parts_[1].any_depth ? std::nullopt : std::optional<std::string_view>(parts_[1].literal);
}

bool PathPattern::MatchesPath(std::string_view path) const {
  States states = Start();
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path))
    states = Step(states, name);
  return Accepts(states);
}

Result<std::vector<PathPattern>> ParsePatterns(const std::vector<std::string>& texts) {
  std::vector<PathPattern> patterns;
  for (const std::string& text : texts) patterns.push_back(ORCIO_TRY(PathPattern::Parse(text)));
  return patterns;
}

}  // namespace orcio::inline retrieve

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace orcio::inline retrieve {

// A glob (glob.h) for entries of an archive. Without a slash it is held against their names; with
// one against their paths, from the tree's root on, where a wildcard stands within one component
// and a component `**` for any number of them. A slash at its beginning or end means nothing more.
//
// Paths are matched a component at a time, on the way down the tree: States is how far one got, in
// all ways there are.
class PathPattern {
 public:
  using States = uint64_t;

  // kInvalid if it is empty, or longer than 60 components.
  [[nodiscard]] static Result<PathPattern> Parse(std::string_view text);

  [[nodiscard]] States Start() const { return WithAnyDepth(1); }
  [[nodiscard]] States Step(States states, std::string_view name) const;
  // Whether the path up to here matches.
  [[nodiscard]] bool Accepts(States states) const { return (states >> parts_.size() & 1) != 0; }
  // Whether a path that goes on from here can.
  [[nodiscard]] bool GoesOn(States states) const {
    return (states & ((States{1} << parts_.size()) - 1)) != 0;
  }
  // The one name with which it can go on.
  [[nodiscard]] std::optional<std::string_view> OnlyName(States states) const;
  // The name of whatever matches, if there is but one and the pattern says nothing else.
  [[nodiscard]] std::optional<std::string_view> ExactName() const;
  [[nodiscard]] bool MatchesPath(std::string_view path) const;

 private:
  struct Part {
    std::string glob;
    std::optional<std::string> literal;
    bool any_depth = false;
  };
  [[nodiscard]] States WithAnyDepth(States states) const;

  std::vector<Part> parts_;
};

// The first of them that is no pattern is the error.
[[nodiscard]] Result<std::vector<PathPattern>> ParsePatterns(const std::vector<std::string>& texts);

}  // namespace orcio::inline retrieve

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/compare/snapshot.h"

namespace orcio::inline retrieve {

struct TreeChange {
  enum class Kind { kAdded, kRemoved, kType, kContent, kMetadata };
  Kind kind = Kind::kAdded;
  std::string path;  // in the tree that has it, the second of two
  std::optional<Snapshot> before;
  std::optional<Snapshot> after;
  // What else differs, if both have it and one type: "mode", "uid", "gid", "mtime", "links",
  // "attributes".
  std::vector<std::string_view> metadata;
};

// A subtree of an archive. The sidecar outlives it.
struct Subtree {
  const Sidecar* sidecar = nullptr;
  NodeId root = kRootNode;
};

// Calls `changed` for every entry in which two subtrees differ, in the order of their paths, by the
// sidecars alone: contents as HoldTheSame has it. Everything below an added or removed directory is
// named, too. A directory's time and its count of links say no more than what is in it: they are
// not compared; nor is what the archive does not say, of a directory that no entry names.
[[nodiscard]] Result<void> CompareTrees(
    const Subtree& before, const Subtree& after,
    const std::function<Result<void>(const TreeChange&)>& changed);

}  // namespace orcio::inline retrieve

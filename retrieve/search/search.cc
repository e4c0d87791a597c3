#include "retrieve/search/search.h"

#include <algorithm>
#include <string>
#include <utility>

namespace orcio::inline retrieve {
namespace {

bool IsSized(EntryType type) {
  return type == EntryType::kFile || type == EntryType::kSymlink;
}

bool Fits(const NodeInfo& node, const SearchCriteria& criteria) {
  const bool any_size = criteria.least_bytes == 0 && criteria.most_bytes == UINT64_MAX;
  if (!any_size && (!IsSized(node.type) || node.size < criteria.least_bytes ||
                    node.size > criteria.most_bytes)) {
    return false;
  }
  if (criteria.newer_than && node.mtime.seconds < *criteria.newer_than) return false;
  if (criteria.older_than && node.mtime.seconds >= *criteria.older_than) return false;
  return criteria.types.empty() ||
         std::find(criteria.types.begin(), criteria.types.end(), node.type) != criteria.types.end();
}

class Searcher {
 public:
  Searcher(const Sidecar& sidecar, const SearchCriteria& criteria)
      : sidecar_(sidecar), criteria_(criteria) {}

  Result<void> Below(NodeId directory, PathPattern::States states) {
    if (const auto name = criteria_.pattern.OnlyName(states)) {
      const auto child = ORCIO_TRY(sidecar_.Lookup(directory, *name));
      return child ? Child(*child, criteria_.pattern.Step(states, *name)) : Result<void>();
    }
    const auto children = ORCIO_TRY(sidecar_.ListChildren(directory));
    for (NodeId child = children.first; child < children.first + children.count; ++child) {
      const auto name = ORCIO_TRY(sidecar_.Name(child));
      ORCIO_TRY(Child(child, criteria_.pattern.Step(states, name)));
    }
    return {};
  }

  // By name alone. A path's components are compared as whole names: '/' sorts before all others.
  Result<void> Named(std::string_view name) {
    std::vector<std::pair<std::string, NodeId>> fitting;
    for (const NodeId id : ORCIO_TRY(sidecar_.NodesNamed(name))) {
      if (!Fits(ORCIO_TRY(sidecar_.Node(id)), criteria_)) continue;
      std::string path = ORCIO_TRY(sidecar_.Path(id));
      std::replace(path.begin(), path.end(), '/', '\0');
      fitting.emplace_back(std::move(path), id);
    }
    std::sort(fitting.begin(), fitting.end());
    for (const auto& [path, id] : fitting) found_.push_back(id);
    return {};
  }

  [[nodiscard]] std::vector<NodeId> Found() { return std::move(found_); }

 private:
  Result<void> Child(NodeId child, PathPattern::States states) {
    const bool accepted = criteria_.pattern.Accepts(states);
    const bool goes_on = criteria_.pattern.GoesOn(states);
    if (!accepted && !goes_on) return {};
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(child));
    if (accepted && Fits(node, criteria_)) found_.push_back(child);
    if (goes_on && node.type == EntryType::kDirectory) ORCIO_TRY(Below(child, states));
    return {};
  }

  const Sidecar& sidecar_;
  const SearchCriteria& criteria_;
  std::vector<NodeId> found_;
};

}  // namespace

Result<std::vector<NodeId>> Search(const Sidecar& sidecar, const SearchCriteria& criteria) {
  Searcher searcher(sidecar, criteria);
  if (const auto name = criteria.pattern.ExactName()) {
    ORCIO_TRY(searcher.Named(*name));
  } else {
    ORCIO_TRY(searcher.Below(kRootNode, criteria.pattern.Start()));
  }
  return searcher.Found();
}

}  // namespace orcio::inline retrieve

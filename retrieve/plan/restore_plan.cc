#include "retrieve/plan/restore_plan.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

namespace orcio::inline retrieve {
namespace {

using States = std::vector<PathPattern::States>;

States StartOf(const std::vector<PathPattern>& patterns) {
  States states;
  for (const PathPattern& pattern : patterns) states.push_back(pattern.Start());
  return states;
}

States StepAll(const std::vector<PathPattern>& patterns, const States& states,
               std::string_view name) {
  States next;
  for (size_t i = 0; i < patterns.size(); ++i) next.push_back(patterns[i].Step(states[i], name));
  return next;
}

bool AnyAccepts(const std::vector<PathPattern>& patterns, const States& states) {
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].Accepts(states[i])) return true;
  }
  return false;
}

class Planner {
 public:
  Planner(const Sidecar& sidecar, const RestoreChoice& choice)
      : sidecar_(sidecar), choice_(choice) {
    plan_.wanted.resize(sidecar.node_count());
  }

  Result<RestorePlan> Plan() {
    for (const NodeId root : choice_.roots) {
      roots_.insert(root);
      for (NodeId node = root; node != kRootNode;) {
        node = ORCIO_TRY(sidecar_.Parent(node));
        on_the_way_.insert(node);
      }
    }
    const bool all = choice_.roots.empty() || roots_.contains(kRootNode);
    Place place{all, choice_.include.empty(), StartOf(choice_.include), StartOf(choice_.exclude)};
    plan_.wanted[kRootNode] = true;
    ORCIO_TRY(Below(kRootNode, place));
    if (plan_.entries == 0)
      return Fail(ErrorKind::kNotFound, "there is nothing to restore: no entry was chosen");
    return std::move(plan_);
  }

 private:
  struct Place {
    bool below_root = false;
    bool included = false;
    States include;
    States exclude;
  };

  struct Chosen {
    bool any = false;
    bool all = true;
  };

  // What is below.
  Result<Chosen> Below(NodeId directory, const Place& place) {
    const auto children = ORCIO_TRY(sidecar_.ListChildren(directory));
    Chosen below;
    for (NodeId child = children.first; child < children.first + children.count; ++child) {
      const Chosen chosen = ORCIO_TRY(Child(child, place));
      below.any = below.any || chosen.any;
      below.all = below.all && chosen.all;
    }
    return below;
  }

  Result<Chosen> Child(NodeId id, const Place& above) {
    constexpr Chosen kNone{false, false};
    if (!above.below_root && !roots_.contains(id) && !on_the_way_.contains(id)) return kNone;
    const auto name = ORCIO_TRY(sidecar_.Name(id));
    Place place{above.below_root || roots_.contains(id), above.included,
                StepAll(choice_.include, above.include, name),
                StepAll(choice_.exclude, above.exclude, name)};
    if (AnyAccepts(choice_.exclude, place.exclude)) return kNone;
    place.included = place.included || AnyAccepts(choice_.include, place.include);
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(id));
    const bool chosen = place.below_root && place.included;
    const size_t whole_above = plan_.whole.size();
    Chosen below;
    if (node.type == EntryType::kDirectory) below = ORCIO_TRY(Below(id, place));
    if (!chosen && !below.any) return kNone;
    const bool whole = chosen && below.all;
    if (whole) {
      plan_.whole.resize(whole_above);
      plan_.whole.push_back(id);
    }
    plan_.wanted[id] = true;
    ++plan_.entries;
    if (node.type == EntryType::kFile) plan_.bytes += node.size;
    return Chosen{true, whole};
  }

  const Sidecar& sidecar_;
  const RestoreChoice& choice_;
  std::set<NodeId> roots_;
  std::set<NodeId> on_the_way_;
  RestorePlan plan_;
};

Result<void> VisitBelow(
    const Sidecar& sidecar, const RestorePlan& plan, NodeId directory, std::string& path,
    const std::function<Result<void>(const NodeInfo&, const std::string& path)>& visit) {
  const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
  const size_t above = path.size();
  for (NodeId child = children.first; child < children.first + children.count; ++child) {
    if (!plan.wanted[child]) continue;
    if (above > 0) path += '/';
    path += ORCIO_TRY(sidecar.Name(child));
    const NodeInfo node = ORCIO_TRY(sidecar.Node(child));
    ORCIO_TRY(visit(node, path));
    if (node.type == EntryType::kDirectory)
      ORCIO_TRY(VisitBelow(sidecar, plan, child, path, visit));
    path.resize(above);
  }
  return {};
}

}  // namespace

Result<RestorePlan> PlanRestore(const Sidecar& sidecar, const RestoreChoice& choice) {
  return Planner(sidecar, choice).Plan();
}

Result<uint64_t> PlannedDataBytes(const Sidecar& sidecar, const RestorePlan& plan) {
  uint64_t bytes = 0;
  std::unordered_set<NodeId> seen;  // files of several names
  const auto count = [&](const NodeInfo& node, const std::string&) -> Result<void> {
    if (node.type != EntryType::kFile) return {};
    if (node.links > 1 && !seen.insert(node.inode).second) return {};
    for (const Extent& extent : ORCIO_TRY(sidecar.Extents(node.id))) bytes += extent.length;
    return {};
  };
  ORCIO_TRY(ForEachPlanned(sidecar, plan, count));
  return bytes;
}

Result<void> ForEachPlanned(
    const Sidecar& sidecar, const RestorePlan& plan,
    const std::function<Result<void>(const NodeInfo&, const std::string& path)>& visit) {
  std::string path;
  return VisitBelow(sidecar, plan, kRootNode, path, visit);
}

}  // namespace orcio::inline retrieve

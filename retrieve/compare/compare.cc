#include "retrieve/compare/compare.h"

#include <utility>

namespace orcio::inline retrieve {
namespace {

using Changed = std::function<Result<void>(const TreeChange&)>;

class Comparison {
 public:
  Comparison(const Sidecar& before, const Sidecar& after, const Changed& changed)
      : before_(before), after_(after), changed_(changed) {}

  Result<void> Both(NodeId before, NodeId after) {
    TreeChange change;
    change.before = ORCIO_TRY(TakeSnapshot(before_, before));
    change.after = ORCIO_TRY(TakeSnapshot(after_, after));
    const EntryType was = change.before->node.type;
    const EntryType is = change.after->node.type;
    if (was != is) {
      change.kind = TreeChange::Kind::kType;
      change.path = ORCIO_TRY(after_.Path(after));
      ORCIO_TRY(changed_(change));
      if (was == EntryType::kDirectory)
        return AllBelow(before_, before, TreeChange::Kind::kRemoved);
      if (is == EntryType::kDirectory) return AllBelow(after_, after, TreeChange::Kind::kAdded);
      return {};
    }
    change.metadata = ORCIO_TRY(Metadata(*change.before, *change.after));
    const bool same = HoldTheSame(*change.before, *change.after);
    if (!same || !change.metadata.empty()) {
      change.kind = same ? TreeChange::Kind::kMetadata : TreeChange::Kind::kContent;
      change.path = ORCIO_TRY(after_.Path(after));
      ORCIO_TRY(changed_(change));
    }
    return was == EntryType::kDirectory ? Children(before, after) : Result<void>();
  }

 private:
  // Children are sorted by name in both.
  Result<void> Children(NodeId before, NodeId after) {
    const auto left = ORCIO_TRY(before_.ListChildren(before));
    const auto right = ORCIO_TRY(after_.ListChildren(after));
    NodeId was = left.first;
    NodeId is = right.first;
    const NodeId was_end = left.first + left.count;
    const NodeId is_end = right.first + right.count;
    while (was < was_end || is < is_end) {
      int order = was == was_end ? 1 : -1;
      if (was < was_end && is < is_end) {
        const std::string_view name = ORCIO_TRY(before_.Name(was));
        order = name.compare(ORCIO_TRY(after_.Name(is)));
      }
      if (order == 0) {
        ORCIO_TRY(Both(was++, is++));
      } else if (order < 0) {
        ORCIO_TRY(One(before_, was++, TreeChange::Kind::kRemoved));
      } else {
        ORCIO_TRY(One(after_, is++, TreeChange::Kind::kAdded));
      }
    }
    return {};
  }

  Result<void> One(const Sidecar& sidecar, NodeId id, TreeChange::Kind kind) {
    TreeChange change{.kind = kind, .path = {}, .before = {}, .after = {}, .metadata = {}};
    change.path = ORCIO_TRY(sidecar.Path(id));
    auto& side = kind == TreeChange::Kind::kAdded ? change.after : change.before;
    side = ORCIO_TRY(TakeSnapshot(sidecar, id));
    ORCIO_TRY(changed_(change));
    return side->node.type == EntryType::kDirectory ? AllBelow(sidecar, id, kind) : Result<void>();
  }

  Result<void> AllBelow(const Sidecar& sidecar, NodeId directory, TreeChange::Kind kind) {
    const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
    for (NodeId child = children.first; child < children.first + children.count; ++child)
      ORCIO_TRY(One(sidecar, child, kind));
    return {};
  }

  Result<std::vector<std::string_view>> Metadata(const Snapshot& before,
                                                 const Snapshot& after) const {
    std::vector<std::string_view> words;
    const NodeInfo& was = before.node;
    const NodeInfo& is = after.node;
    if (was.implied || is.implied) return words;
    if (was.mode != is.mode) words.emplace_back("mode");
    if (was.uid != is.uid) words.emplace_back("uid");
    if (was.gid != is.gid) words.emplace_back("gid");
    if (was.type != EntryType::kDirectory) {
      if (!(was.mtime == is.mtime)) words.emplace_back("mtime");
      if (was.links != is.links) words.emplace_back("links");
    }
    if (was.has_attributes || is.has_attributes) {
      const auto had = ORCIO_TRY(before_.Attributes(was.id));
      if (had != ORCIO_TRY(after_.Attributes(is.id))) words.emplace_back("attributes");
    }
    return words;
  }

  const Sidecar& before_;
  const Sidecar& after_;
  const Changed& changed_;
};

}  // namespace

Result<void> CompareTrees(const Subtree& before, const Subtree& after, const Changed& changed) {
  return Comparison(*before.sidecar, *after.sidecar, changed).Both(before.root, after.root);
}

}  // namespace orcio::inline retrieve

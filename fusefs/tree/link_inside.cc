#include "fusefs/tree/link_inside.h"

#include <optional>
#include <string_view>

#include "index/sidecar/read/path_lookup.h"

namespace orcio::inline fusefs {
namespace {

// path_resolution(7): who follows more gets ELOOP.
constexpr int kMostLinksFollowed = 40;

// Follows a target part by part, as the kernel will.
class TargetWalk {
 public:
  TargetWalk(const Sidecar& sidecar, NodeId from) : sidecar_(sidecar), at_(from) {}

  // Whether ".." would now leave the archive.
  [[nodiscard]] bool at_root() const { return at_ == kRootNode; }

  Result<void> Enter(std::string_view part) {
    if (!at_ || part == ".") return {};
    if (part == "..") {
      at_ = ORCIO_TRY(sidecar_.Parent(*at_));
      return {};
    }
    at_ = ORCIO_TRY(Child(part));
    return {};
  }

 private:
  // Nothing if the kernel ends with an error, whatever comes after.
  Result<std::optional<NodeId>> Child(std::string_view name) {
    if (ORCIO_TRY(sidecar_.Node(*at_)).type != EntryType::kDirectory) return std::nullopt;
    const auto child = ORCIO_TRY(sidecar_.Lookup(*at_, name));
    if (!child) return child;
    if (ORCIO_TRY(sidecar_.Node(*child)).type != EntryType::kSymlink) return child;
    if (++links_ > kMostLinksFollowed) return std::nullopt;
    auto end = FindFollowing(sidecar_, ORCIO_TRY(sidecar_.Path(*child)), true);
    if (end) return *end;
    const ErrorKind kind = end.error().kind;
    if (kind == ErrorKind::kNotFound || kind == ErrorKind::kInvalid) return std::nullopt;
    return Failure(std::move(end).error());
  }

  const Sidecar& sidecar_;
  std::optional<NodeId> at_;
  int links_ = 0;
};

// "../../" for a link in srv/wiki.
Result<std::string> UpFrom(const Sidecar& sidecar, NodeId directory) {
  std::string up;
  for (NodeId at = directory; at != kRootNode; at = ORCIO_TRY(sidecar.Parent(at))) up += "../";
  return up;
}

}  // namespace

Result<std::string> LinkInside(const Sidecar& sidecar, NodeId link) {
  const std::string_view target = ORCIO_TRY(sidecar.SymlinkTarget(link));
  const NodeId directory = ORCIO_TRY(sidecar.Parent(link));
  const bool absolute = target.starts_with('/');
  bool as_archived = !absolute;
  std::string inside;
  if (absolute) inside = ORCIO_TRY(UpFrom(sidecar, directory));
  TargetWalk walk(sidecar, absolute ? kRootNode : directory);
  for (std::string_view left = target; !left.empty();) {
    const size_t slash = left.find('/');
    const std::string_view part = left.substr(0, slash);
    left = slash == left.npos ? std::string_view() : left.substr(slash + 1);
    if (part.empty()) continue;
    if (part == ".." && walk.at_root()) {
      as_archived = false;
      continue;
    }
    inside += part;
    if (slash != part.npos) inside += '/';
    ORCIO_TRY(walk.Enter(part));
  }
  if (as_archived) return std::string(target);
  return inside.empty() ? std::string(".") : inside;
}

}  // namespace orcio::inline fusefs

#include "index/path_lookup.h"

#include <deque>
#include <string>

namespace orcio {
namespace {

constexpr int kMaxSymlinks = 40;  // as Linux, path_resolution(7)

void PutFirst(std::string_view path, std::deque<std::string>& components) {
  std::deque<std::string> first;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (!component.empty() && component != ".") first.emplace_back(component);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  components.insert(components.begin(), first.begin(), first.end());
}

Failure Missing(std::string_view path, std::string_view component) {
  return Fail(ErrorKind::kNotFound, "no {} in the archive: there is no '{}'", path, component);
}

}  // namespace

Result<NodeId> FindFollowing(const Sidecar& sidecar, std::string_view path, bool follow_last) {
  std::deque<std::string> left;
  PutFirst(path, left);
  NodeId at = kRootNode;
  int symlinks = 0;
  while (!left.empty()) {
    const std::string component = std::move(left.front());
    left.pop_front();
    if (component == "..") {
      at = ORCIO_TRY(sidecar.Parent(at));
      continue;
    }
    if (ORCIO_TRY(sidecar.Node(at)).type != EntryType::kDirectory) return Missing(path, component);
    const auto child = ORCIO_TRY(sidecar.Lookup(at, component));
    if (!child) return Missing(path, component);
    const bool follow = !left.empty() || follow_last;
    if (!follow || ORCIO_TRY(sidecar.Node(*child)).type != EntryType::kSymlink) {
      at = *child;
      continue;
    }
    if (++symlinks > kMaxSymlinks)
      return Fail(ErrorKind::kInvalid, "{}: more than {} symlinks on the way", path, kMaxSymlinks);
    const std::string_view target = ORCIO_TRY(sidecar.SymlinkTarget(*child));
    if (target.starts_with('/')) at = kRootNode;
    PutFirst(target, left);
  }
  return at;
}

}  // namespace orcio

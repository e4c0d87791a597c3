#include "index/sidecar/read/path_lookup.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "base/text/suggestion.h"

namespace orcio::inline index {
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

// "; did you mean `srv/wiki`?", or nothing if no other name in `directory` is near.
Result<std::string> Suggest(const Sidecar& sidecar, NodeId directory, std::string_view component) {
  constexpr uint32_t kMostNames = 10'000;  // more are not worth the time
  if (ORCIO_TRY(sidecar.Node(directory)).type != EntryType::kDirectory) return std::string();
  const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
  std::vector<std::string_view> names;
  for (uint32_t i = 0; i < std::min(children.count, kMostNames); ++i)
    names.push_back(ORCIO_TRY(sidecar.Name(children.first + i)));
  const auto nearest = NearestWord(component, names);
  if (!nearest) return std::string();
  const std::string above = ORCIO_TRY(sidecar.Path(directory));
  return fmt::format("; did you mean `{}{}{}`?", above, above.empty() ? "" : "/", *nearest);
}

Failure Missing(const Sidecar& sidecar, NodeId directory, std::string_view path,
                std::string_view component) {
  const auto suggestion = Suggest(sidecar, directory, component);
  if (!suggestion) return Failure(suggestion.error());
  if (path == component)
    return Fail(ErrorKind::kNotFound, "there is no {} in the archive{}", path, *suggestion);
  return Fail(ErrorKind::kNotFound, "there is no {} in the archive, for there is no {}{}", path,
              component, *suggestion);
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
    if (ORCIO_TRY(sidecar.Node(at)).type != EntryType::kDirectory)
      return Missing(sidecar, at, path, component);
    const auto child = ORCIO_TRY(sidecar.Lookup(at, component));
    if (!child) return Missing(sidecar, at, path, component);
    const bool follow = !left.empty() || follow_last;
    if (!follow) {
      at = *child;
      continue;
    }
    const EntryType type = ORCIO_TRY(sidecar.Node(*child)).type;
    if (type != EntryType::kSymlink) {
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

}  // namespace orcio::inline index

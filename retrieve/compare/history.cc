#include "retrieve/compare/history.h"

#include <algorithm>
#include <utility>

#include "index/entry/tar_path.h"
#include "index/sidecar/read/path_lookup.h"

namespace orcio::inline retrieve {

HistoryBuilder::HistoryBuilder(std::string_view path) {
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path))
    path_ += (path_.empty() ? "" : "/") + std::string(name);
}

Result<void> HistoryBuilder::Add(const Sidecar& sidecar) {
  const auto id = FindFollowing(sidecar, path_, false);
  if (!id && id.error().kind != ErrorKind::kNotFound) return Failure(id.error());
  if (!id) {
    missing_ = id.error();
  } else if (ORCIO_TRY(sidecar.Node(*id)).type == EntryType::kDirectory) {
    std::string path = path_;
    ORCIO_TRY(SeeBelow(sidecar, *id, path));
  } else {
    ORCIO_TRY(See(sidecar, *id, path_));
  }
  if (sidecar.complete()) complete_.push_back(added_);
  ++added_;
  return {};
}

Result<void> HistoryBuilder::SeeBelow(const Sidecar& sidecar, NodeId directory, std::string& path) {
  const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
  const size_t above = path.size();
  for (NodeId child = children.first; child < children.first + children.count; ++child) {
    if (above > 0) path += '/';
    path += ORCIO_TRY(sidecar.Name(child));
    if (ORCIO_TRY(sidecar.Node(child)).type == EntryType::kDirectory) {
      ORCIO_TRY(SeeBelow(sidecar, child, path));
    } else {
      ORCIO_TRY(See(sidecar, child, path));
    }
    path.resize(above);
  }
  return {};
}

Result<void> HistoryBuilder::See(const Sidecar& sidecar, NodeId id, const std::string& path) {
  Snapshot snapshot = ORCIO_TRY(TakeSnapshot(sidecar, id));
  PathHistory& history = histories_[path];
  auto& versions = history.versions;
  if (!versions.empty()) MarkGap(history, added_);
  if (versions.empty() || !versions.back().held || !HoldTheSame(*versions.back().held, snapshot))
    versions.push_back({.first = added_, .last = added_, .archives = 0, .held = {}});
  PathVersion& version = versions.back();
  version.last = added_;
  ++version.archives;
  version.held = std::move(snapshot);
  return {};
}

void HistoryBuilder::MarkGap(PathHistory& history, size_t end) const {
  const auto begin =
      std::upper_bound(complete_.begin(), complete_.end(), history.versions.back().last);
  const auto behind = std::lower_bound(begin, complete_.end(), end);
  if (begin == behind) return;
  history.versions.push_back({.first = *begin,
                              .last = *std::prev(behind),
                              .archives = static_cast<size_t>(behind - begin),
                              .held = {}});
}

Result<std::vector<PathHistory>> HistoryBuilder::Finish() {
  if (histories_.empty() && missing_) return Failure(*missing_);
  std::vector<PathHistory> all;
  all.reserve(histories_.size());
  for (auto& [path, history] : histories_) {
    MarkGap(history, added_);
    history.path = path;
    all.push_back(std::move(history));
  }
  histories_.clear();
  std::sort(all.begin(), all.end(),
            [](const PathHistory& a, const PathHistory& b) { return a.path < b.path; });
  return all;
}

}  // namespace orcio::inline retrieve

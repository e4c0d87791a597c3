#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/compare/snapshot.h"

namespace orcio::inline retrieve {

// Archives next to each other in time in which a path held the same, or was not there.
struct PathVersion {
  size_t first = 0;  // archives, as they were added
  size_t last = 0;
  size_t archives = 0;           // in which it was seen so
  std::optional<Snapshot> held;  // as the last of them has it; nothing if it was gone
};

struct PathHistory {
  std::string path;
  std::vector<PathVersion> versions;  // oldest first; the first one is never a gap
};

// What became of a path, or of every file below a directory, from archive to archive. By the
// sidecars alone. Memory grows with the number of paths and versions.
class HistoryBuilder {
 public:
  explicit HistoryBuilder(std::string_view path);

  // As the histories have it: without slashes at its ends.
  [[nodiscard]] const std::string& path() const { return path_; }

  // Takes the archives one after another, oldest first. That something is missing in an archive
  // that is not complete says nothing. An archive that cannot be read counts in the order, too:
  // call Pass for it.
  [[nodiscard]] Result<void> Add(const Sidecar& sidecar);
  void Pass() { ++added_; }

  // By path. kNotFound if the path was in none of the archives.
  [[nodiscard]] Result<std::vector<PathHistory>> Finish();

 private:
  [[nodiscard]] Result<void> SeeBelow(const Sidecar& sidecar, NodeId directory, std::string& path);
  [[nodiscard]] Result<void> See(const Sidecar& sidecar, NodeId id, const std::string& path);
  // Says that it was gone in the complete archives from the last one that had it up to `end`.
  void MarkGap(PathHistory& history, size_t end) const;

  std::string path_;
  size_t added_ = 0;
  std::vector<size_t> complete_;  // archives
  std::unordered_map<std::string, PathHistory> histories_;
  std::optional<Error> missing_;  // of the newest archive without it
};

}  // namespace orcio::inline retrieve

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"

namespace orcio::inline fusefs {

class MountedArchive;

// The archives of a mount that are open: each takes a descriptor and a map, so those that nobody
// has used for longest are closed when there are too many, and all that nobody has used for a
// while. Thread-safe.
class OpenArchives {
 public:
  struct Limits {
    // As far as no files are open in more archives than that.
    size_t most = 192;
    std::chrono::milliseconds idle{std::chrono::minutes(5)};
  };

  explicit OpenArchives(Limits limits) : limits_(limits) {}
  ~OpenArchives();
  OpenArchives(const OpenArchives&) = delete;
  OpenArchives& operator=(const OpenArchives&) = delete;

  // `archive` has just been opened. Closes others. Not to be called with a lock of an archive's.
  void Add(const std::shared_ptr<MountedArchive>& archive);
  // How many are open now.
  [[nodiscard]] size_t count();

 private:
  using Archives = std::vector<std::shared_ptr<MountedArchive>>;

  // Those that are open and known to anybody else, least recently used first.
  [[nodiscard]] Archives InUse() REQUIRES(mutex_);
  void CloseIdle();
  void Watch(const std::stop_token& stop);

  const Limits limits_;
  Mutex mutex_;
  std::condition_variable_any stopping_;
  std::vector<std::weak_ptr<MountedArchive>> archives_ GUARDED_BY(mutex_);
  // Started by the first archive: a process that goes into the background forks before.
  std::jthread watcher_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline fusefs

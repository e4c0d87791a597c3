#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/threads/mutex.h"
#include "fusefs/kernel/mount_counters.h"
#include "fusefs/kernel/parallel_directories.h"
#include "fusefs/kernel/shown_owner.h"
#include "fusefs/system/idle_watch.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

// Files the kernel has open: it hands back a plain pointer with each request. Thread-safe.
class OpenFiles {
 public:
  // Valid until Remove.
  [[nodiscard]] const Namespace::File* Add(std::shared_ptr<const Namespace::File> file);
  void Remove(const Namespace::File* file);
  [[nodiscard]] size_t count() const;

 private:
  mutable Mutex mutex_;
  // One entry for each open(2).
  std::unordered_map<const Namespace::File*, std::shared_ptr<const Namespace::File>> files_
      GUARDED_BY(mutex_);
};

// What the operations of one mount work on.
struct MountContext {
  const Namespace& tree;
  const SpanCache& cache;
  std::filesystem::path repository;  // whose free space statfs(2) shows
  bool default_permissions = false;  // the kernel checks modes and ACLs
  ShownOwner shown;
  bool no_opendir = false;               // the kernel can do without; set before the first request
  std::chrono::seconds idle_timeout{0};  // as ParsedMountOptions has it
  std::function<void(const std::string&)> log;
  OpenFiles open_files{};
  LastUse last_use{};
  std::atomic<uint64_t> requests = 0;
  ParallelDirectories parallel_directories{};

  [[nodiscard]] MountCounters Counters() const;
};

}  // namespace orcio::inline fusefs

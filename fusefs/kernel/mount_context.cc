#include "fusefs/kernel/mount_context.h"

#include <utility>

namespace orcio::inline fusefs {

const Namespace::File* OpenFiles::Add(std::shared_ptr<const Namespace::File> file) {
  const Namespace::File* const key = file.get();
  const MutexLock lock(mutex_);
  files_.emplace(key, std::move(file));
  return key;
}

void OpenFiles::Remove(const Namespace::File* file) {
  std::shared_ptr<const Namespace::File> last;  // freed once the lock is released
  const MutexLock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end()) return;
  last = std::move(found->second);
  files_.erase(found);
}

size_t OpenFiles::count() const {
  const MutexLock lock(mutex_);
  return files_.size();
}

MountCounters MountContext::Counters() const {
  MountCounters counters;
  counters.requests = requests.load(std::memory_order_relaxed);
  counters.open_files = open_files.count();
  counters.open_archives = tree.OpenArchiveCount();
  counters.cache_budget = cache.budget_bytes();
  counters.cache = cache.counters();
  return counters;
}

}  // namespace orcio::inline fusefs

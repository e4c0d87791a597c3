#include "fusefs/archives/open_archives.h"

#include <algorithm>
#include <utility>

#include "fusefs/archives/mounted_archive.h"

namespace orcio::inline fusefs {

OpenArchives::~OpenArchives() {
  watcher_.request_stop();
}

void OpenArchives::Add(const std::shared_ptr<MountedArchive>& archive) {
  Archives open;
  {
    const MutexLock lock(mutex_);
    archives_.push_back(archive);
    if (!watcher_.joinable())
      watcher_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
    if (archives_.size() <= limits_.most) return;
    open = InUse();
  }
  // The new one comes last. What cannot be closed, since files in it are open, counts all the same.
  size_t excess = open.size() > limits_.most ? open.size() - limits_.most : 0;
  for (size_t i = 0; i + 1 < open.size() && excess > 0; ++i) {
    if (open[i]->Close()) --excess;
  }
}

OpenArchives::Archives OpenArchives::InUse() {
  Archives open;
  for (const auto& known : archives_) {
    auto archive = known.lock();
    if (archive != nullptr && archive->is_open()) open.push_back(std::move(archive));
  }
  std::sort(open.begin(), open.end(),
            [](const auto& a, const auto& b) { return a->last_used() < b->last_used(); });
  open.erase(std::unique(open.begin(), open.end()), open.end());
  archives_.assign(open.begin(), open.end());
  return open;
}

size_t OpenArchives::count() {
  const MutexLock lock(mutex_);
  return InUse().size();
}

void OpenArchives::CloseIdle() {
  Archives open;
  {
    const MutexLock lock(mutex_);
    open = InUse();
  }
  const auto before = MountedArchive::Clock::now() - limits_.idle;
  for (const auto& archive : open) {
    if (archive->last_used() < before) archive->Close();
  }
}

void OpenArchives::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      stopping_.wait_for(mutex_, stop, limits_.idle / 2, [] { return false; });
    }
    if (!stop.stop_requested()) CloseIdle();
  }
}

}  // namespace orcio::inline fusefs

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/threads/mutex.h"
#include "base/unique_fd.h"
#include "fusefs/system/settled_time.h"

namespace orcio::inline fusefs {

// Tells when archives come to a repository's directory, leave it or are replaced: by inotify(7),
// and, if that does not work, by looking at the directory's time of change.
class RepositoryWatch {
 public:
  enum class Method { kAutomatic, kPoll };
  struct Options {
    Method method = Method::kAutomatic;
    std::chrono::milliseconds between_looks{1000};
    // Some file systems (of object stores, say) have no time of change for directories that is
    // worth anything: without inotify it is told so often at least, whatever the time says.
    std::chrono::milliseconds between_sure_looks{std::chrono::minutes(1)};
  };

  // `changed` is called by a thread of the watch's, also once it has begun, and at times when
  // there is no change.
  RepositoryWatch(std::filesystem::path directory, std::function<void()> changed, Options options);
  RepositoryWatch(std::filesystem::path directory, std::function<void()> changed)
      : RepositoryWatch(std::move(directory), std::move(changed), Options()) {}
  ~RepositoryWatch();
  RepositoryWatch(const RepositoryWatch&) = delete;
  RepositoryWatch& operator=(const RepositoryWatch&) = delete;

  // Does nothing if it was stopped before.
  void Start();
  // Returns once `changed` is not called any more. Thread-safe as Start is, but not to be called by
  // `changed`.
  void Stop();

 private:
  void Watch(const std::stop_token& stop);
  // Whether inotify tells of changes from now on.
  [[nodiscard]] bool Subscribe();
  // Waits for something in the directory, at most until the next look. Whether an archive is
  // concerned.
  [[nodiscard]] bool Wait();
  [[nodiscard]] bool TakeEvents();
  [[nodiscard]] bool LooksChanged();

  const std::filesystem::path directory_;
  const std::function<void()> changed_;
  const Options options_;
  UniqueFd stopping_;  // an eventfd(2)
  Mutex mutex_;        // held while waiting for the thread's end
  bool stopped_ GUARDED_BY(mutex_) = false;
  // All used by the thread alone.
  UniqueFd events_;  // of inotify; not valid if it does not work
  int64_t changed_at_ = 0;
  SettledTime settled_;
  bool look_again_ = false;
  SettledTime::Clock::time_point told_at_;
  std::jthread thread_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline fusefs

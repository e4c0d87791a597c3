#include "fusefs/mount/repository_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "index/repository/archive_name.h"

namespace orcio::inline fusefs {
namespace {

// Not IN_MODIFY: an archive is written for hours, and none of that is worth a look. What grows in
// place under its own name is noticed by whoever looks inside.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// The directory is not the repository any more, or events are lost.
constexpr uint32_t kLost = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

// Filesystems that others change too, without the kernel's inotify knowing: statfs(2) f_type.
bool IsSharedFileSystem(const std::filesystem::path& directory) {
  constexpr std::array<uint64_t, 12> kShared{
      0x6969,      // NFS
      0x65735546,  // FUSE, and virtiofs
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x517b,      // SMB
      0x01021997,  // 9P
      0x00c36400,  // Ceph
      0x5346414f,  // AFS
      0x0bd00bd0,  // Lustre
      0x01161970,  // GFS2
      0x7461636f,  // OCFS2
      0x786f4256,  // VirtualBox's shared folders
  };
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0) return true;
  const auto type = static_cast<uint32_t>(status.f_type);
  return std::find(kShared.begin(), kShared.end(), type) != kShared.end();
}

// Nanoseconds since the epoch; 0 if it cannot be looked at. Not what a network filesystem keeps
// of it (NFS: for up to a minute), but as it is now.
int64_t ChangeTime(const std::filesystem::path& directory) {
  struct statx status {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_STATX_FORCE_SYNC, STATX_MTIME, &status) != 0)
    return 0;
  return status.stx_mtime.tv_sec * 1'000'000'000 + status.stx_mtime.tv_nsec;
}

}  // namespace

RepositoryWatch::RepositoryWatch(std::filesystem::path directory, std::function<void()> changed,
                                 Options options)
    : directory_(std::move(directory)),
      changed_(std::move(changed)),
      options_(options),
      stopping_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

RepositoryWatch::~RepositoryWatch() {
  Stop();
}

void RepositoryWatch::Start() {
  const MutexLock lock(mutex_);
  if (!stopped_) thread_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

void RepositoryWatch::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  if (!thread_.joinable()) return;
  thread_.request_stop();
  const uint64_t one = 1;
  (void)!::write(stopping_.get(), &one, sizeof(one));  // fails only if it is readable already
  thread_.join();
}

void RepositoryWatch::Watch(const std::stop_token& stop) {
  bool changed = true;  // since the repository was listed, perhaps
  while (!stop.stop_requested()) {
    // Before looking, or what changes in between would be missed.
    if (!events_.valid() && Subscribe()) changed = true;
    if (!events_.valid()) changed = LooksChanged() || changed;
    if (changed) changed_();
    changed = Wait();
  }
}

bool RepositoryWatch::Subscribe() {
  if (options_.method == Method::kPoll || IsSharedFileSystem(directory_)) return false;
  UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // Fails if the user has used up the watches that he may have.
  if (!events.valid() || ::inotify_add_watch(events.get(), directory_.c_str(), kEvents) < 0)
    return false;
  events_ = std::move(events);
  return true;
}

bool RepositoryWatch::Wait() {
  std::array<pollfd, 2> waited{{{stopping_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}}};
  // poll(2) passes over a descriptor below 0.
  const int timeout = events_.valid() ? -1 : static_cast<int>(options_.between_looks.count());
  if (::poll(waited.data(), waited.size(), timeout) <= 0 || waited[1].revents == 0) return false;
  return TakeEvents();
}

bool RepositoryWatch::TakeEvents() {
  bool concerned = false;
  bool lost = false;
  alignas(inotify_event) std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* const name = buffer.data() + at + sizeof(event);
      if ((event.mask & kLost) != 0) lost = true;
      if ((event.mask & IN_Q_OVERFLOW) != 0) concerned = true;
      if (event.len != 0 && ParseArchiveName(name, 0)) concerned = true;
      at += sizeof(event) + event.len;
    }
  }
  if (lost) events_.Reset();
  return concerned || lost;
}

bool RepositoryWatch::LooksChanged() {
  SettledTime::Look look{.begun = SettledTime::Clock::now(), .ended = {}};
  const int64_t before = std::exchange(changed_at_, ChangeTime(directory_));
  look.ended = SettledTime::Clock::now();
  const bool settled = settled_.See(changed_at_, look);
  // What came to the directory after the last look can show in its time, or, if that was not
  // settled then, not.
  const bool changed = std::exchange(look_again_, !settled) || before != changed_at_ ||
                       look.begun - told_at_ >= options_.between_sure_looks;
  if (changed) told_at_ = look.begun;
  return changed;
}

}  // namespace orcio::inline fusefs

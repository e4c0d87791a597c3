#include "fusefs/system/mount_table.h"

#include <fcntl.h>
#include <mntent.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/free_with.h"

namespace orcio::inline fusefs {
namespace {

using MountTable = std::unique_ptr<FILE, FreeWith<::endmntent>>;
using CString = std::unique_ptr<char, FreeWith<::free>>;

Failure FailOpenFiles(const std::filesystem::path& directory) {
  return Fail(ErrorKind::kInvalid,
              "{} is in use: close what is open in it (`fuser -vm {}` lists it), or unmount with "
              "--lazy",
              directory.string(), directory.string());
}

// fusermount3(1) is setuid root: it may unmount what its caller has mounted. It says itself what
// went wrong.
Result<void> RunFusermount(const std::filesystem::path& directory, bool lazy) {
  const std::string path = directory.string();
  std::vector<const char*> words{"fusermount3", "-u"};
  if (lazy) words.push_back("-z");
  for (const char* word : {"--", path.c_str(), static_cast<const char*>(nullptr)})
    words.push_back(word);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, words[0], nullptr, nullptr,
                                   const_cast<char* const*>(words.data()), environ);
  if (error != 0) return FailErrno(error, "cannot run fusermount3 (of the package fuse3)");
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return FailErrno(errno, "cannot wait for fusermount3");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Fail(ErrorKind::kInvalid,
              "fusermount3 did not unmount {}; where files in it are open, close them or unmount "
              "with --lazy",
              path);
}

}  // namespace

Result<std::filesystem::path> ResolveMountpoint(const std::filesystem::path& mountpoint) {
  const CString resolved(::realpath(mountpoint.c_str(), nullptr));
  if (resolved != nullptr) return std::filesystem::path(resolved.get());
  // A mount whose server is gone, or that is another user's, cannot be looked at: what is above it
  // can.
  if (errno == ENOTCONN || errno == ECONNABORTED || errno == EACCES) {
    std::filesystem::path path = std::filesystem::absolute(mountpoint).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    const CString above(::realpath(path.parent_path().c_str(), nullptr));
    if (above != nullptr) return std::filesystem::path(above.get()) / path.filename();
  }
  if (errno == ENOENT) {
    return Fail(ErrorKind::kInvalid, "the mountpoint {} does not exist: make that directory first",
                mountpoint.string());
  }
  return FailErrno(errno, fmt::format("cannot look up the mountpoint {}", mountpoint.string()));
}

Result<std::optional<std::string>> MountedType(const std::filesystem::path& directory) {
  const MountTable table(::setmntent("/proc/self/mounts", "r"));
  if (table == nullptr) return FailErrno(errno, "cannot read /proc/self/mounts");
  std::optional<std::string> type;
  mntent entry{};
  std::array<char, 16384> text{};
  while (::getmntent_r(table.get(), &entry, text.data(), text.size()) != nullptr) {
    if (directory == entry.mnt_dir) type = entry.mnt_type;
  }
  return type;
}

Result<std::filesystem::path> FindMount(const std::filesystem::path& mountpoint) {
  const auto nothing_there = [&] {
    return Fail(ErrorKind::kNotFound, "no repository is mounted on {}", mountpoint.string());
  };
  auto directory = ResolveMountpoint(mountpoint);
  if (!directory && directory.error().kind == ErrorKind::kInvalid) return nothing_there();
  if (!directory) return directory;
  if (ORCIO_TRY(MountedType(*directory)) != kMountType) return nothing_there();
  return directory;
}

// Not by mount(2), where kernels before 5.10 pass the flag over, and others would lift what they
// are not told again.
Result<void> ForbidSymlinks(const std::filesystem::path& directory) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_NOSYMFOLLOW;
  if (::mount_setattr(AT_FDCWD, directory.c_str(), 0, &change, sizeof(change)) == 0) return {};
  return FailErrno(errno,
                   fmt::format("mount option nosymfollow: the kernel (from 5.14 on) does not "
                               "set it on {}; symlinks=inside keeps symlinks within their "
                               "archive",
                               directory.string()));
}

Result<void> UnmountDirectory(const std::filesystem::path& directory, bool lazy) {
  if (::geteuid() != 0) return RunFusermount(directory, lazy);
  if (::umount2(directory.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno == EBUSY) return FailOpenFiles(directory);
  return FailErrno(errno, fmt::format("cannot unmount {}", directory.string()));
}

}  // namespace orcio::inline fusefs

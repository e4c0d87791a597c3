#include "index/repository/repository_lock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace orcio::inline index {
namespace {

Failure CannotOpen(const std::filesystem::path& repository, const std::filesystem::path& file,
                   int errnum) {
  switch (errnum) {
    case ENOENT:
      return Failure(Error{ErrorKind::kNotFound, errnum,
                           fmt::format("{0}: there is no such repository; make it with: "
                                       "mkdir -p -m 0700 {0}",
                                       repository.string())});
    case ENOTDIR:
      return FailErrno(errnum, fmt::format("{}: cannot be a repository", repository.string()));
    case ELOOP:
      return FailErrno(errnum, fmt::format("{}: the lock file must not be a symbolic link, "
                                           "remove it",
                                           file.string()));
    case EACCES:
    case EPERM:
    case EROFS:
      return FailErrno(errnum, fmt::format("{}: cannot be written by user {}", repository.string(),
                                           ::geteuid()));
    default:
      return FailErrno(errnum, fmt::format("{}: cannot open the lock file", file.string()));
  }
}

// The process id in the file, or nothing: its holder may not have written it yet.
std::string Holder(int fd) {
  std::array<char, 24> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  std::string_view pid(text.data(), got > 0 ? static_cast<size_t>(got) : 0);
  pid = pid.substr(0, pid.find('\n'));
  if (pid.empty() || pid.find_first_not_of("0123456789") != std::string_view::npos) return "";
  return fmt::format(" (process {})", pid);
}

// The lock holds without it: a full disk must not keep `prune` from making room.
void WriteHolder(int fd) {
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) [[maybe_unused]]
    const ssize_t ignored = ::pwrite(fd, pid.data(), pid.size(), 0);
}

// Where the mark is that can be asked for (fcntl(2), F_OFD_GETLK): flock(2) can only be tried, and
// whoever tries is in the way of a run that begins just then. Far beyond what is in the file, for
// there are file systems that let nobody read what is locked so.
struct flock MarkOf(short type) {
  struct flock mark {};
  mark.l_type = type;
  mark.l_whence = SEEK_SET;
  mark.l_start = off_t{1} << 30;
  mark.l_len = 1;
  return mark;
}

// There a mark is the server's lockd to give, and whoever asks one that does not answer hangs.
bool IsOnNfs(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == NFS_SUPER_MAGIC;
}

// flock(2) is the lock; a file system that does not know marks has that alone.
void Mark(int fd) {
  if (IsOnNfs(fd)) return;
  struct flock mark = MarkOf(F_WRLCK);
  [[maybe_unused]] const int ignored = ::fcntl(fd, F_OFD_SETLK, &mark);
}

bool IsMarked(const std::filesystem::path& file) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const UniqueFd fd(::open(file.c_str(), kFlags));
  struct flock mark = MarkOf(F_RDLCK);
  return fd.valid() && !IsOnNfs(fd.get()) && ::fcntl(fd.get(), F_OFD_GETLK, &mark) == 0 &&
         mark.l_type != F_UNLCK;
}

// Of a file that may not be read, or was locked by flock(1). The device there is that of the file
// system (proc(5)), which on btrfs and overlayfs is not what stat(2) has: so this alone is not
// enough.
bool IsListed(const std::filesystem::path& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) return false;
  const std::string place =
      fmt::format(" {:02x}:{:02x}:{} ", major(status.st_dev), minor(status.st_dev), status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    if (line.find(" FLOCK ") != std::string::npos && line.find(place) != std::string::npos)
      return true;
  }
  return false;
}

// Its servers say by EACCES that another has the lock. Elsewhere that is what it says.
bool IsOnCifs(int fd) {
  constexpr uint32_t kCifs = 0xff534d42;
  constexpr uint32_t kSmb2 = 0xfe534d42;
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return false;
  const auto type = static_cast<uint32_t>(status.f_type);
  return type == kCifs || type == kSmb2;
}

// False if another still holds it after `patience`.
Result<bool> Lock(int fd, std::chrono::milliseconds patience, const std::filesystem::path& file) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kBetween(20);
  const auto end = Clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    if (error != EWOULDBLOCK && !(error == EACCES && IsOnCifs(fd)))
      return FailErrno(error, fmt::format("{}: cannot lock", file.string()));
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(kBetween);
  }
  return true;
}

std::filesystem::path LockFile(const std::filesystem::path& repository) {
  return repository / ".orcio.lock";
}

}  // namespace

Result<RepositoryLock> RepositoryLock::Take(const std::filesystem::path& repository,
                                            std::chrono::milliseconds patience) {
  const auto file = LockFile(repository);
  // O_NONBLOCK: somebody's FIFO of that name must not hold us up.
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  UniqueFd fd(::open(file.c_str(), kFlags, 0600));
  if (!fd.valid()) return CannotOpen(repository, file, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return FailErrno(errno, file.string());
  if (!S_ISREG(status.st_mode))
    return Fail(ErrorKind::kIo, "{}: is not a regular file; remove it", file.string());
  if (!ORCIO_TRY(Lock(fd.get(), patience, file))) {
    return Fail(ErrorKind::kLocked,
                "{}: another run of orcio{} is changing this repository; try again when it ended",
                repository.string(), Holder(fd.get()));
  }
  Mark(fd.get());
  WriteHolder(fd.get());
  return RepositoryLock(std::move(fd));
}

bool RepositoryLock::IsHeld(const std::filesystem::path& repository) {
  const auto file = LockFile(repository);
  return IsMarked(file) || IsListed(file);
}

}  // namespace orcio::inline index

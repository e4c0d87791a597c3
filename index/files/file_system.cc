#include "index/files/file_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "index/files/mapped_file.h"

namespace orcio::inline index {
namespace {

// One read(2) or write(2) moves at most this much (Linux moves no more than 2 GiB at once).
constexpr size_t kMaxTransferBytes = size_t{1} << 30;

Failure FailPath(int errnum, std::string_view doing, const std::filesystem::path& path) {
  Failure failure = FailErrno(errnum, fmt::format("cannot {} {}", doing, path.string()));
  if (errnum == EFBIG) {
    failure.value().message +=
        ": a file there may not get so large: see `ulimit -f`, LimitFSIZE= of the unit, and "
        "whether "
        "it is a FAT file system";
  }
  return failure;
}

// `call`, again for as long as a signal ends it: file systems that live in a network or in another
// process let one in.
template <class Call>
int Uninterrupted(Call call) {
  int result = 0;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

class LocalRandomAccess : public RandomAccess {
 public:
  LocalRandomAccess(UniqueFd fd, uint64_t size, std::filesystem::path path)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const size_t wanted = std::min(into.size() - done, kMaxTransferBytes);
      const ssize_t got =
          ::pread(fd_.get(), into.data() + done, wanted, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return FailPath(errno, fmt::format("read at offset {} of", offset + done), path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  uint64_t size() const override { return size_; }

 private:
  UniqueFd fd_;
  uint64_t size_;
  std::filesystem::path path_;
};

class LocalWritableFile : public WritableFile {
 public:
  LocalWritableFile(UniqueFd fd, std::filesystem::path path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> Append(std::span<const std::byte> bytes) override {
    ORCIO_TRY(WriteAt(end_, bytes));
    end_ += bytes.size();
    return {};
  }

  Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const size_t wanted = std::min(bytes.size(), kMaxTransferBytes);
      const ssize_t put = ::pwrite(fd_.get(), bytes.data(), wanted, static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return FailPath(errno, "write", path_);
      bytes = bytes.subspan(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    }
    return {};
  }

  Result<void> Sync() override {
    if (Uninterrupted([&] { return ::fsync(fd_.get()); }) != 0)
      return FailPath(errno, "flush to disk", path_);
    return {};
  }

 private:
  UniqueFd fd_;
  std::filesystem::path path_;
  uint64_t end_ = 0;
};

FileStatus ToStatus(const struct stat& from) {
  FileStatus status;
  status.size = static_cast<uint64_t>(from.st_size);
  status.mtime_ns = int64_t{from.st_mtim.tv_sec} * 1'000'000'000 + from.st_mtim.tv_nsec;
  status.device = from.st_dev;
  status.inode = from.st_ino;
  status.is_regular = S_ISREG(from.st_mode);
  status.is_directory = S_ISDIR(from.st_mode);
  return status;
}

UniqueFd Open(const std::filesystem::path& path, int flags) {
  return UniqueFd(
      Uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode_t{0600}); }));
}

bool Stat(int fd, struct stat& status) {
  return Uninterrupted([&] { return ::fstat(fd, &status); }) == 0;
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Whether `path` is a name of that file, now.
bool IsCalled(const std::filesystem::path& path, const struct stat& file) {
  struct stat named {};
  return ::lstat(path.c_str(), &named) == 0 && SameFile(file, named);
}

struct OpenFile {
  UniqueFd fd;
  uint64_t size = 0;
};

// What to do if this user may not read a file. Archives and their indexes have mode 0600.
std::string_view AdviceForDenied() {
  return ::geteuid() == 0
             ? "; not even root may read it: a network filesystem (root_squash) or another user's "
               "FUSE mount keeps it from root"
             : "; run orcio as a user who may read it: as its owner, or with sudo";
}

Failure FailOpen(int errnum, const std::filesystem::path& path) {
  Failure failure = FailPath(errnum, "open", path);
  if (errnum == ENOENT || errnum == ENOTDIR) failure.value().kind = ErrorKind::kNotFound;
  if (IsPermissionDenied(failure.value())) failure.value().message += AdviceForDenied();
  return failure;
}

// O_NONBLOCK: a FIFO under an archive's name must not hang us.
Result<OpenFile> OpenRegular(const std::filesystem::path& path) {
  OpenFile file;
  file.fd = Open(path, O_RDONLY | O_NONBLOCK);
  if (!file.fd.valid()) return FailOpen(errno, path);
  struct stat status {};
  if (!Stat(file.fd.get(), status)) return FailPath(errno, "stat", path);
  if (!S_ISREG(status.st_mode))
    return Fail(ErrorKind::kInvalid, "{} is not a regular file", path.string());
  file.size = static_cast<uint64_t>(status.st_size);
  return file;
}

Result<void> RenameWith(unsigned flags, const std::filesystem::path& from,
                        const std::filesystem::path& to) {
  const auto rename = [&] {
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
  };
  if (Uninterrupted(rename) == 0) return {};
  return FailErrno(errno, fmt::format("cannot rename {} to {}", from.string(), to.string()));
}

bool Exists(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// Held while a file is given its name, if the system has no way to do that without replacing what
// has it. RemoveLeftovers knows its name (leftovers.h).
std::filesystem::path NamingLock(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".naming.part");
}

class LocalFiles : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccess>> OpenRead(const std::filesystem::path& path) const override {
    OpenFile file = ORCIO_TRY(OpenRegular(path));
    return std::make_unique<LocalRandomAccess>(std::move(file.fd), file.size, path);
  }

  Result<std::unique_ptr<WritableFile>> Create(const std::filesystem::path& path) const override {
    for (;;) {
      UniqueFd fd = Open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
      if (!fd.valid()) return FailPath(errno, "create", path);
      auto prepared = Prepare(fd.get(), path);
      if (!prepared) {
        Withdraw(fd.get(), path);
        return Failure(std::move(prepared).error());
      }
      if (*prepared) return std::make_unique<LocalWritableFile>(std::move(fd), path);
    }
  }

  Result<std::unique_ptr<MappedFile>> Map(const std::filesystem::path& path) const override {
    OpenFile file = ORCIO_TRY(OpenRegular(path));
    return MapFile(file.fd.get(), file.size, path);
  }

  Result<FileStatus> Status(const std::filesystem::path& path) const override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return FailOpen(errno, path);
    return ToStatus(status);
  }

  Result<std::vector<std::string>> List(const std::filesystem::path& directory) const override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(directory, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    if (error) return FailOpen(error.value(), directory);
    return names;
  }

  Result<void> Rename(const std::filesystem::path& from,
                      const std::filesystem::path& to) const override {
    return RenameWith(0, from, to);
  }

  Result<void> RenameNew(const std::filesystem::path& from,
                         const std::filesystem::path& to) const override {
    // Some file systems take the flag, and replace all the same.
    if (Exists(to)) return FailPath(EEXIST, "create", to);
    auto renamed = RenameWith(RENAME_NOREPLACE, from, to);
    if (renamed) return renamed;
    // Others do not know it: then link(2) refuses an existing name, if they know that.
    const int errnum = renamed.error().errnum;
    if (errnum != EINVAL && errnum != ENOSYS && errnum != EOPNOTSUPP) return renamed;
    if (::link(from.c_str(), to.c_str()) == 0) return Remove(from);
    if (errno == EEXIST) return FailPath(EEXIST, "create", to);
    return RenameUnderLock(from, to);
  }

  Result<void> Remove(const std::filesystem::path& path) const override {
    const int removed = Uninterrupted([&] { return ::unlink(path.c_str()); });
    if (removed != 0 && errno != ENOENT) return FailPath(errno, "remove", path);
    return {};
  }

  Result<bool> RemoveAbandoned(const std::filesystem::path& path) const override {
    // For writing: NFS makes a record lock of flock(2), which wants that.
    const UniqueFd fd = Open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!fd.valid() && (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR))
      return false;
    if (!fd.valid()) return FailPath(errno, "open", path);
    struct stat opened {};
    if (!Stat(fd.get(), opened)) return FailPath(errno, "stat", path);
    if (!S_ISREG(opened.st_mode)) return false;
    if (Uninterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) return false;
    // Its writer may have given it another name since it was opened, and somebody made a new one.
    if (!IsCalled(path, opened)) return false;
    ORCIO_TRY(Remove(path));
    return true;
  }

  Result<uint64_t> FreeBytes(const std::filesystem::path& directory) const override {
    struct statvfs status {};
    if (Uninterrupted([&] { return ::statvfs(directory.c_str(), &status); }) != 0)
      return FailPath(errno, "ask for the free space of", directory);
    return uint64_t{status.f_bavail} * status.f_frsize;
  }

  Result<void> SyncDirectory(const std::filesystem::path& directory) const override {
    const UniqueFd fd = Open(directory, O_RDONLY | O_DIRECTORY);
    if (!fd.valid()) return FailOpen(errno, directory);
    if (Uninterrupted([&] { return ::fsync(fd.get()); }) == 0) return {};
    // Some network file systems have no such call for directories, and write their entries at once.
    if (errno == EINVAL || errno == ENOSYS) return {};
    return FailPath(errno, "flush to disk", directory);
  }

 private:
  // What rclone mounts, and some NAS, can do: nobody but orcio is kept from taking the name in
  // between.
  Result<void> RenameUnderLock(const std::filesystem::path& from,
                               const std::filesystem::path& to) const {
    const auto path = NamingLock(to);
    auto lock = Create(path);
    if (!lock && lock.error().errnum == EEXIST) {
      const bool removed = ORCIO_TRY(RemoveAbandoned(path));
      if (removed) lock = Create(path);
    }
    const auto held = ORCIO_TRY(std::move(lock));
    auto renamed = Exists(to) ? FailPath(EEXIST, "create", to) : RenameWith(0, from, to);
    (void)Remove(path);  // RemoveLeftovers does it if this fails
    return renamed;
  }

  // Gives a new file its mode, and the lock that RemoveAbandoned looks for, which goes with the
  // last descriptor however the process ends. False if RemoveAbandoned was faster than the lock.
  static Result<bool> Prepare(int fd, const std::filesystem::path& path) {
    if (Uninterrupted([&] { return ::fchmod(fd, 0600); }) != 0)
      return FailPath(errno, "set the mode of", path);
    // If a file system has no locks, nothing on it counts as abandoned.
    if (Uninterrupted([&] { return ::flock(fd, LOCK_EX); }) != 0) return true;
    struct stat status {};
    if (!Stat(fd, status)) return FailPath(errno, "stat", path);
    return status.st_nlink > 0;
  }

  // Removes a file whose making has failed, but none that another process has made under its name
  // since RemoveAbandoned took it for abandoned. Whoever has its lock alone may remove it: no name
  // becomes another file's between the look at it and the removal.
  void Withdraw(int fd, const std::filesystem::path& path) const {
    if (Uninterrupted([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) != 0 && errno == EWOULDBLOCK)
      return;
    struct stat ours {};
    if (Stat(fd, ours) && IsCalled(path, ours)) (void)Remove(path);
  }
};

}  // namespace

const FileSystem& LocalFileSystem() {
  static const LocalFiles files;
  return files;
}

Result<std::vector<std::byte>> ReadWholeFile(const FileSystem& files,
                                             const std::filesystem::path& path, uint64_t limit) {
  auto file = ORCIO_TRY(files.OpenRead(path));
  // Not by its size: files below /proc have none, and one may grow while it is read.
  std::vector<std::byte> bytes;
  for (;;) {
    const size_t before = bytes.size();
    bytes.resize(before + 64 * 1024);
    const size_t got = ORCIO_TRY(file->ReadAt(before, std::span(bytes).subspan(before)));
    bytes.resize(before + got);
    if (bytes.size() > limit) {
      return Fail(ErrorKind::kLimit, "{} is larger than {} bytes", path.string(), limit);
    }
    if (got == 0) return bytes;
  }
}

Result<void> ReadExactly(const RandomAccess& file, uint64_t offset, std::span<std::byte> into,
                         std::string_view what) {
  const size_t got = ORCIO_TRY(file.ReadAt(offset, into));
  if (got == into.size()) return {};
  return Fail(ErrorKind::kDamaged, "{}: ends at offset {}, {} bytes short", what, offset + got,
              into.size() - got);
}

}  // namespace orcio::inline index

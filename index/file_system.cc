#include "index/file_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "index/mapped_file.h"
#include "index/unique_fd.h"

namespace orcio {
namespace {

// One read(2) or write(2) moves at most this much (Linux moves no more than 2 GiB at once).
constexpr size_t kMaxTransferBytes = size_t{1} << 30;

Failure FailPath(int errnum, std::string_view doing, const std::filesystem::path& path) {
  return FailErrno(errnum, fmt::format("cannot {} {}", doing, path.string()));
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
    if (::fsync(fd_.get()) != 0) return FailPath(errno, "flush to disk", path_);
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

struct OpenFile {
  UniqueFd fd;
  uint64_t size = 0;
};

Failure FailOpen(int errnum, const std::filesystem::path& path) {
  Failure failure = FailPath(errnum, "open", path);
  if (errnum == ENOENT || errnum == ENOTDIR) failure.value().kind = ErrorKind::kNotFound;
  return failure;
}

// O_NONBLOCK: a FIFO under an archive's name must not hang us.
Result<OpenFile> OpenRegular(const std::filesystem::path& path) {
  OpenFile file;
  file.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd.valid()) return FailOpen(errno, path);
  struct stat status {};
  if (::fstat(file.fd.get(), &status) != 0) return FailPath(errno, "stat", path);
  if (!S_ISREG(status.st_mode))
    return Fail(ErrorKind::kInvalid, "{} is not a regular file", path.string());
  file.size = static_cast<uint64_t>(status.st_size);
  return file;
}

Result<void> RenameWith(unsigned flags, const std::filesystem::path& from,
                        const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return {};
  return FailErrno(errno, fmt::format("cannot rename {} to {}", from.string(), to.string()));
}

class LocalFiles : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccess>> OpenRead(const std::filesystem::path& path) const override {
    OpenFile file = ORCIO_TRY(OpenRegular(path));
    return std::make_unique<LocalRandomAccess>(std::move(file.fd), file.size, path);
  }

  Result<std::unique_ptr<WritableFile>> Create(const std::filesystem::path& path) const override {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return FailPath(errno, "create", path);
    if (::fchmod(fd.get(), 0600) != 0) return FailPath(errno, "set the mode of", path);
    return std::make_unique<LocalWritableFile>(std::move(fd), path);
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
    auto renamed = RenameWith(RENAME_NOREPLACE, from, to);
    // Some network filesystems do not know the flag: link(2) refuses an existing name everywhere.
    if (renamed || renamed.error().errnum != EINVAL) return renamed;
    if (::link(from.c_str(), to.c_str()) != 0) return FailPath(errno, "create", to);
    return Remove(from);
  }

  Result<void> Remove(const std::filesystem::path& path) const override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailPath(errno, "remove", path);
    return {};
  }

  Result<void> SyncDirectory(const std::filesystem::path& directory) const override {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return FailOpen(errno, directory);
    if (::fsync(fd.get()) != 0) return FailPath(errno, "flush to disk", directory);
    return {};
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

}  // namespace orcio

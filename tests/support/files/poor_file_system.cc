// poor_file_system SOURCE MOUNTPOINT [link] [rename] [locks]
//
// Shows the directory SOURCE, flat, as a mount of rclone's or a NAS may: a rename that must not
// replace anything gets EINVAL, and what else is named is lacking, too. Serves in the foreground
// until SIGTERM, or until it is unmounted. Needs root and /dev/fuse.

#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Poor {
  std::string source;
  bool link = false;
  bool rename = false;
};

const Poor& Own() {
  return *static_cast<const Poor*>(fuse_get_context()->private_data);
}
std::string At(const char* path) {
  return Own().source + path;
}
// As libfuse has it: an errno is negative.
int Answer(ssize_t result) {
  return result < 0 ? -errno : static_cast<int>(result);
}
int Descriptor(const fuse_file_info* info) {
  return static_cast<int>(info->fh);
}

void* Init(fuse_conn_info*, fuse_config* config) {
  config->use_ino = 1;
  config->hard_remove = 1;  // no .fuse_hidden of an open file
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

int GetAttributes(const char* path, struct stat* status, fuse_file_info* info) {
  if (info != nullptr && info->fh != 0) return Answer(::fstat(Descriptor(info), status));
  return Answer(::lstat(At(path).c_str(), status));
}

int ReadDirectory(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
                  fuse_readdir_flags) {
  constexpr auto kPlain = static_cast<fuse_fill_dir_flags>(0);
  for (const char* name : {".", ".."}) fill(buffer, name, nullptr, 0, kPlain);
  std::error_code error;
  std::filesystem::directory_iterator at(At(path), error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error))
    fill(buffer, at->path().filename().c_str(), nullptr, 0, kPlain);
  return -error.value();
}

int Create(const char* path, mode_t mode, fuse_file_info* info) {
  const int file = ::open(At(path).c_str(), info->flags | O_CLOEXEC, mode);
  if (file < 0) return -errno;
  info->fh = static_cast<uint64_t>(file);
  return 0;
}
int Open(const char* path, fuse_file_info* info) {
  return Create(path, 0, info);
}
int Release(const char*, fuse_file_info* info) {
  return Answer(::close(Descriptor(info)));
}
int Read(const char*, char* into, size_t size, off_t offset, fuse_file_info* info) {
  return Answer(::pread(Descriptor(info), into, size, offset));
}
int Write(const char*, const char* from, size_t size, off_t offset, fuse_file_info* info) {
  return Answer(::pwrite(Descriptor(info), from, size, offset));
}
int Sync(const char*, int, fuse_file_info* info) {
  return Answer(::fsync(Descriptor(info)));
}
int Truncate(const char* path, off_t size, fuse_file_info* info) {
  if (info != nullptr) return Answer(::ftruncate(Descriptor(info), size));
  return Answer(::truncate(At(path).c_str(), size));
}
int SetMode(const char* path, mode_t mode, fuse_file_info* info) {
  if (info != nullptr) return Answer(::fchmod(Descriptor(info), mode));
  return Answer(::chmod(At(path).c_str(), mode));
}
int Remove(const char* path) {
  return Answer(::unlink(At(path).c_str()));
}
int FreeSpace(const char* path, struct statvfs* status) {
  return Answer(::statvfs(At(path).c_str(), status));
}

int Rename(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  return Own().rename ? Answer(::rename(At(from).c_str(), At(to).c_str())) : -EPERM;
}
int Link(const char* from, const char* to) {
  return Own().link ? Answer(::link(At(from).c_str(), At(to).c_str())) : -EPERM;
}
int RefuseLock(const char*, fuse_file_info*, int) {
  return -EOPNOTSUPP;
}

int Serve(const std::string& source, char* mountpoint,
          const std::vector<std::string_view>& lacking) {
  const auto lacks = [&](std::string_view what) {
    return std::find(lacking.begin(), lacking.end(), what) != lacking.end();
  };
  Poor poor{source, !lacks("link"), !lacks("rename")};
  fuse_operations operations{};
  operations.init = Init;
  operations.getattr = GetAttributes;
  operations.readdir = ReadDirectory;
  operations.create = Create;
  operations.open = Open;
  operations.release = Release;
  operations.read = Read;
  operations.write = Write;
  operations.fsync = Sync;
  operations.truncate = Truncate;
  operations.chmod = SetMode;
  operations.unlink = Remove;
  operations.statfs = FreeSpace;
  operations.rename = Rename;
  operations.link = Link;
  if (lacks("locks")) operations.flock = RefuseLock;  // else they are the kernel's
  ::umask(0);                                         // the kernel has applied the caller's
  std::string name = "poor_file_system", foreground = "-f", o = "-o", type = "subtype=poor";
  std::array words{name.data(), foreground.data(), o.data(), type.data(), mountpoint};
  return fuse_main(static_cast<int>(words.size()), words.data(), &operations, &poor);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return Serve(argv[1], argv[2], {argv + 3, argv + argc});
}

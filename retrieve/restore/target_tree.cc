#include "retrieve/restore/target_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "index/entry/tar_path.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kMostOpen = 200;  // directories, well below the usual limit of descriptors
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

UniqueFd OpenDirectory(int above, std::string_view name) {
  return UniqueFd(::openat(above, std::string(name).c_str(), kDirectoryFlags));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<bool> IsEmpty(int fd, const std::filesystem::path& path) {
  const int copy = ::openat(fd, ".", kDirectoryFlags);
  const std::unique_ptr<DIR, CloseDirectory> directory(copy < 0 ? nullptr : ::fdopendir(copy));
  if (directory == nullptr) return FailErrno(errno, fmt::format("cannot read {}", path.string()));
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

}  // namespace

Result<TargetTree> TargetTree::Open(const std::filesystem::path& path) {
  TargetTree tree;
  tree.made_ = ::mkdir(path.c_str(), 0700) == 0;
  if (!tree.made_ && errno != EEXIST)
    return FailErrno(errno, fmt::format("cannot make {}", path.string()));
  // The target itself may be a symlink: that it is meant, whoever named it knows.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FailErrno(errno, fmt::format("cannot open {}", path.string()));
  if (tree.made_) {
    ::fremovexattr(fd.get(), "system.posix_acl_default");
    ::fremovexattr(fd.get(), "system.posix_acl_access");
  }
  tree.was_empty_ = true;
  if (!tree.made_) tree.was_empty_ = ORCIO_TRY(IsEmpty(fd.get(), path));
  tree.levels_.push_back({path.string(), std::move(fd)});
  return tree;
}

Result<bool> TargetTree::Enter(std::string_view name) {
  const bool made = ::mkdirat(fd(), std::string(name).c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return FailErrno(errno, "cannot make the directory");
  UniqueFd below = OpenDirectory(fd(), name);
  if (!below.valid() && (errno == ELOOP || errno == ENOTDIR)) {
    return Failure(
        Error{ErrorKind::kIo, EEXIST, "something that is no directory is there already"});
  }
  if (!below.valid()) return FailErrno(errno, "cannot open the directory");
  Push(name, std::move(below));
  return made;
}

Result<bool> TargetTree::EnterExisting(std::string_view name) {
  UniqueFd below = OpenDirectory(fd(), name);
  if (!below.valid() && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR)) return false;
  if (!below.valid()) return FailErrno(errno, "cannot open the directory");
  Push(name, std::move(below));
  return true;
}

void TargetTree::Push(std::string_view name, UniqueFd below) {
  levels_.push_back({std::string(name), std::move(below)});
  if (levels_.size() > kMostOpen + 1) levels_[levels_.size() - 1 - kMostOpen].fd.Reset();
}

Result<void> TargetTree::Leave() {
  levels_.pop_back();
  Level& level = levels_.back();
  if (!level.fd.valid()) level.fd = ORCIO_TRY(OpenLevel(levels_.size() - 1));
  return {};
}

Result<UniqueFd> TargetTree::OpenLevel(size_t level) const {
  std::string path;
  for (size_t i = 1; i <= level; ++i) path += levels_[i].name + "/";
  return OpenBelow(path);
}

Result<UniqueFd> TargetTree::OpenBelow(std::string_view path) const {
  UniqueFd at = OpenDirectory(levels_.front().fd.get(), ".");
  for (auto name = NextComponent(path); at.valid() && !name.empty(); name = NextComponent(path))
    at = OpenDirectory(at.get(), name);
  if (!at.valid()) return FailErrno(errno, "cannot open the directory again");
  return at;
}

Result<TargetTree::NewFile> TargetTree::CreateFile() {
  for (;;) {
    NewFile file;
    file.name = fmt::format(".orcio-restore-{}-{}.part", ::getpid(), next_name_++);
    file.fd = UniqueFd(::openat(fd(), file.name.c_str(),
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.fd.valid()) return file;
    if (errno != EEXIST) return FailErrno(errno, "cannot make the file");
  }
}

Result<void> TargetTree::Publish(const NewFile& file, std::string_view name) const {
  const std::string own(name);
  if (::renameat2(fd(), file.name.c_str(), fd(), own.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    return FailErrno(errno, "cannot give the file its name");
  // File systems that do not know the flag know links, mostly.
  if (::linkat(fd(), file.name.c_str(), fd(), own.c_str(), 0) == 0) {
    Discard(file);
    return {};
  }
  // An empty file of our own, where there was none, may be replaced.
  const UniqueFd empty(errno == EEXIST
                           ? -1
                           : ::openat(fd(), own.c_str(),
                                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!empty.valid()) return FailErrno(errno, "cannot give the file its name");
  if (::renameat(fd(), file.name.c_str(), fd(), own.c_str()) == 0) return {};
  auto failed = FailErrno(errno, "cannot give the file its name");
  ::unlinkat(fd(), own.c_str(), 0);
  return failed;
}

void TargetTree::Discard(const NewFile& file) const {
  ::unlinkat(fd(), file.name.c_str(), 0);
}

Result<void> TargetTree::Link(std::string_view path, std::string_view name) const {
  const size_t slash = path.rfind('/');
  const bool below = slash != std::string_view::npos;
  const UniqueFd directory = ORCIO_TRY(OpenBelow(below ? path.substr(0, slash) : ""));
  const std::string existing(below ? path.substr(slash + 1) : path);
  // Without AT_SYMLINK_FOLLOW: a symlink is linked to, not what it points to.
  if (::linkat(directory.get(), existing.c_str(), fd(), std::string(name).c_str(), 0) == 0)
    return {};
  return FailErrno(errno, fmt::format("cannot link it to {}", path));
}

}  // namespace orcio::inline retrieve

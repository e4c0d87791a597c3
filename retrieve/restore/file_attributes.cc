#include "retrieve/restore/file_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace orcio::inline retrieve {
namespace {

constexpr uint32_t kSetIds = 06000;

uint32_t ModeFor(const FileAttributes& wanted, bool owned) {
  return owned ? wanted.mode : wanted.mode & ~kSetIds;
}

std::array<timespec, 2> TimesOf(const FileAttributes& wanted) {
  return {timespec{0, UTIME_OMIT},
          timespec{wanted.mtime.seconds, static_cast<long>(wanted.mtime.nanoseconds)}};
}

template <class Set>
std::vector<std::string> SetEach(const FileAttributes& wanted, const Set& set) {
  std::vector<std::string> refused;
  for (const ExtendedAttribute& attribute : wanted.attributes) {
    if (set(attribute.name.c_str(), attribute.value.data(), attribute.value.size()) == 0) continue;
    refused.push_back(fmt::format("cannot set {}: {}", attribute.name, std::strerror(errno)));
  }
  return refused;
}

}  // namespace

Result<std::vector<std::string>> SetAttributes(int fd, const FileAttributes& wanted) {
  const bool root = ::geteuid() == 0;
  // Owner first: that takes the set-ID bits and capabilities away. Times last.
  if (root && ::fchown(fd, wanted.uid, wanted.gid) != 0)
    return FailErrno(errno, "cannot set the owner");
  const bool owned = root || (wanted.uid == ::geteuid() && wanted.gid == ::getegid());
  if (::fchmod(fd, ModeFor(wanted, owned)) != 0) return FailErrno(errno, "cannot set the mode");
  auto refused = SetEach(wanted, [&](const char* name, const char* value, size_t bytes) {
    return ::fsetxattr(fd, name, value, bytes, 0);
  });
  if (::futimens(fd, TimesOf(wanted).data()) != 0) return FailErrno(errno, "cannot set the time");
  return refused;
}

Result<std::vector<std::string>> SetAttributesAt(int directory, std::string_view name,
                                                 bool is_symlink, const FileAttributes& wanted) {
  const std::string text(name);
  const UniqueFd fd(::openat(directory, text.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return FailErrno(errno, "cannot open it again");
  const bool root = ::geteuid() == 0;
  if (root && ::fchownat(fd.get(), "", wanted.uid, wanted.gid, AT_EMPTY_PATH) != 0)
    return FailErrno(errno, "cannot set the owner");
  // The one way to such a file's mode and attributes that opens nothing: a device may do things.
  const std::string reach = fmt::format("/proc/self/fd/{}", fd.get());
  const bool owned = root || (wanted.uid == ::geteuid() && wanted.gid == ::getegid());
  if (!is_symlink && ::chmod(reach.c_str(), ModeFor(wanted, owned)) != 0)
    return FailErrno(errno, "cannot set the mode");
  auto refused = SetEach(wanted, [&](const char* key, const char* value, size_t bytes) {
    return ::setxattr(reach.c_str(), key, value, bytes, 0);
  });
  if (::utimensat(directory, text.c_str(), TimesOf(wanted).data(), AT_SYMLINK_NOFOLLOW) != 0)
    return FailErrno(errno, "cannot set the time");
  return refused;
}

}  // namespace orcio::inline retrieve

#include "tests/support/files/system_faults.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace orcio::test {
namespace {

std::atomic<size_t> calls = 0;
std::atomic<size_t> fail_at = 0;
std::atomic<SystemFault> fault = SystemFault::kIo;
std::atomic<bool> happened = false;
LackingNames lacks;
std::function<void()> at_fault;

// Whether this call is to fail; errno is set then.
bool Fails() {
  if (++calls != fail_at || fault == SystemFault::kShort) return false;
  happened = true;
  if (at_fault) at_fault();
  errno = fault == SystemFault::kIo ? EIO : fault == SystemFault::kNoSpace ? ENOSPC : EINTR;
  return true;
}

// How much of `size` this call moves.
size_t Moved(size_t size) {
  if (fault != SystemFault::kShort || calls != fail_at || size < 2) return size;
  happened = true;
  return size / 2;
}

}  // namespace

void FailSystemCall(size_t call, SystemFault how) {
  calls = 0;
  happened = false;
  fault = how;
  fail_at = call;
}

void AtSystemFault(std::function<void()> happens) {
  at_fault = std::move(happens);
}

bool EndSystemFault() {
  fail_at = 0;
  at_fault = nullptr;
  return happened;
}

void LackNames(const LackingNames& lacking) {
  lacks = lacking;
}

// For the calls below.
bool LacksLink() {
  return lacks.link;
}
bool LacksRename(unsigned flags) {
  return flags != 0 ? lacks.no_replace : lacks.rename;
}

size_t SystemCalls() {
  return calls;
}

}  // namespace orcio::test

// The linker makes __wrap_NAME of every NAME that is called, and NAME of __real_NAME.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

using orcio::test::Fails;
using orcio::test::LacksLink;
using orcio::test::LacksRename;
using orcio::test::Moved;

int __real_open(const char* path, int flags, ...);
ssize_t __real_pread(int fd, void* into, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void* from, size_t size, off_t offset);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_fstat(int fd, struct stat* status);
int __real_flock(int fd, int operation);
int __real_renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags);
int __real_link(const char* from, const char* to);
int __real_unlink(const char* path);
int __real_statvfs(const char* path, struct statvfs* status);
void* __real_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset);

int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return Fails() ? -1 : __real_open(path, flags, mode);
}
ssize_t __wrap_pread(int fd, void* into, size_t size, off_t offset) {
  return Fails() ? -1 : __real_pread(fd, into, Moved(size), offset);
}
ssize_t __wrap_pwrite(int fd, const void* from, size_t size, off_t offset) {
  return Fails() ? -1 : __real_pwrite(fd, from, Moved(size), offset);
}
int __wrap_fsync(int fd) {
  return Fails() ? -1 : __real_fsync(fd);
}
int __wrap_fchmod(int fd, mode_t mode) {
  return Fails() ? -1 : __real_fchmod(fd, mode);
}
int __wrap_fstat(int fd, struct stat* status) {
  return Fails() ? -1 : __real_fstat(fd, status);
}
int __wrap_flock(int fd, int operation) {
  return Fails() ? -1 : __real_flock(fd, operation);
}
int __wrap_renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) {
  if (LacksRename(flags)) {
    errno = EINVAL;
    return -1;
  }
  return Fails() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}
int __wrap_link(const char* from, const char* to) {
  if (LacksLink()) {
    errno = EPERM;
    return -1;
  }
  return Fails() ? -1 : __real_link(from, to);
}
int __wrap_unlink(const char* path) {
  return Fails() ? -1 : __real_unlink(path);
}
int __wrap_statvfs(const char* path, struct statvfs* status) {
  return Fails() ? -1 : __real_statvfs(path, status);
}
void* __wrap_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  // No signal ends it.
  const bool fails = Fails() && errno != EINTR;
  return fails ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)

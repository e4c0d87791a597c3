#include "fusefs/kernel/parallel_directories.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "fusefs/kernel/mount_context.h"

namespace orcio::inline fusefs {
namespace {

constexpr int kPassesItOn = 317;  // of libfuse's versions, as fuse_version() has them

ssize_t WriteMessage(int device, iovec* pieces, int count, void* context) {
  static_cast<MountContext*>(context)->parallel_directories.Patch(pieces, count);
  return ::writev(device, pieces, count);
}

ssize_t ReadMessage(int device, void* buffer, size_t size, void* /*context*/) {
  return ::read(device, buffer, size);
}

}  // namespace

void ParallelDirectories::Attach(fuse_session* session) {
  if (fuse_version() >= kPassesItOn) return;
  fuse_custom_io io{};
  io.writev = WriteMessage;
  io.read = ReadMessage;
  (void)fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

void ParallelDirectories::Patch(const iovec* pieces, int count) {
  if (!wanted_.load(std::memory_order_relaxed) || count != 2) return;
  fuse_out_header header{};
  constexpr size_t kFlagsAt = offsetof(fuse_init_out, flags);
  uint32_t flags = 0;
  if (pieces[0].iov_len != sizeof(header) || pieces[1].iov_len < kFlagsAt + sizeof(flags)) return;
  std::memcpy(&header, pieces[0].iov_base, sizeof(header));
  // Notices have 0; answers to anything else cannot come before this one.
  if (header.unique == 0 || header.error != 0 || !wanted_.exchange(false)) return;
  char* const at = static_cast<char*>(pieces[1].iov_base) + kFlagsAt;
  std::memcpy(&flags, at, sizeof(flags));
  flags |= FUSE_PARALLEL_DIROPS;
  std::memcpy(at, &flags, sizeof(flags));
}

}  // namespace orcio::inline fusefs

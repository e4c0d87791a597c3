// For LD_PRELOAD, by tests/bench/find_parallel: takes FUSE_PARALLEL_DIROPS off a FUSE server's
// answer to FUSE_INIT, whoever has put it there, and makes the file that FLAG_TAKEN_OFF names. What
// a mount is like without that flag needs no option of orcio's so.

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<bool> answered = false;

void TakeOff(const iovec* pieces, int count) {
  fuse_out_header header{};
  fuse_init_out init{};
  constexpr size_t kKnown = offsetof(fuse_init_out, max_background);
  if (count != 2 || pieces[0].iov_len != sizeof(header) || pieces[1].iov_len < kKnown) return;
  std::memcpy(&header, pieces[0].iov_base, sizeof(header));
  std::memcpy(&init, pieces[1].iov_base, kKnown);
  if (header.len != sizeof(header) + pieces[1].iov_len || header.unique == 0 || header.error != 0 ||
      init.major != FUSE_KERNEL_VERSION || answered.exchange(true))
    return;
  if ((init.flags & FUSE_PARALLEL_DIROPS) == 0) return;
  init.flags &= ~uint32_t{FUSE_PARALLEL_DIROPS};
  std::memcpy(pieces[1].iov_base, &init, kKnown);
  if (const char* told = std::getenv("FLAG_TAKEN_OFF"))
    ::close(::open(told, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace

extern "C" ssize_t writev(int file, const iovec* pieces, int count) {
  static const auto next = reinterpret_cast<decltype(&writev)>(::dlsym(RTLD_NEXT, "writev"));
  if (!answered) TakeOff(pieces, count);
  return next(file, pieces, count);
}

#include "base/threads/patience.h"

#include <poll.h>

#include <cerrno>

namespace orcio {

Result<void> WaitForFd(int fd, short events, const Patience& patience) {
  for (;;) {
    if (patience.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    if (patience.expired())
      return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT, "no answer in time"});
    pollfd polled{fd, events, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(kWaitSlice.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return FailErrno(errno, "poll");
  }
}

}  // namespace orcio

#include "base/threads/patience.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace orcio {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Result<void> WaitForFd(int fd, short events, const Patience& patience) {
  for (;;) {
    if (patience.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    if (patience.expired())
      return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT, "no answer in time"});
    pollfd polled{fd, events, 0};
    auto slice = kWaitSlice;
    if (patience.deadline != steady_clock::time_point::max()) {
      const auto left = std::chrono::ceil<milliseconds>(patience.deadline - steady_clock::now());
      slice = std::clamp(left, milliseconds(0), kWaitSlice);
    }
    const int ready = ::poll(&polled, 1, static_cast<int>(slice.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return FailErrno(errno, "poll");
  }
}

}  // namespace orcio

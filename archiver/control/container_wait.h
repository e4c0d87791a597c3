#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/control/start_timing.h"
#include "archiver/docker/docker.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// A container that runs, though its health check has not been due since its start.
struct UncheckedContainer {
  DockerContainer container;                      // as it was then
  std::chrono::steady_clock::time_point verdict;  // by when its check has said what it is
};

// What is waited for.
enum class Awaited {
  kRunning,  // a health check only if it is due before the deadline
  kHealthy,  // it always: others do not start before
};

// For how long it is waited for.
struct AwaitedTime {
  // Before that nothing of it was started: whatever a host says, nothing counts as up for longer.
  std::chrono::steady_clock::time_point asked;
  std::chrono::steady_clock::time_point deadline;
};

// Returns once every one of `containers`, as they were when the service was inspected, is confirmed
// running: healthy if it has a health check and was not unhealthy before, else up without a
// restart for a while (StartTiming), from its start on as docker has it. One that was in a restart
// loop before is confirmed by being in it again. A container that exits is started again a few
// times. Those that are up, but whose health check has not been due, are handed back: LookAgain
// knows more, later. kNotRunning after the deadline, and the check's own start period, interval and
// retries if that is later, or once starting it again does not help, with the container's exit
// code and last words; at once, with what to do unless `cure_is_known`, if one is gone.
[[nodiscard]] Result<std::vector<UncheckedContainer>> WaitUntilUp(
    RemoteHost& host, const std::vector<DockerContainer>& containers, const AwaitedTime& time,
    Awaited awaited, const StartTiming& patience, const std::stop_token& stop,
    bool cure_is_known = false);

// What has become of them, as warnings: one for each whose health check still has to say so.
// kNotRunning as above if one is unhealthy, restarts, or has had all the time that its check
// may take.
[[nodiscard]] Result<std::vector<std::string>> LookAgain(
    RemoteHost& host, const std::vector<UncheckedContainer>& unchecked,
    const std::stop_token& stop);

}  // namespace orcio::inline archiver

#pragma once

#include <chrono>
#include <stop_token>
#include <vector>

#include "archiver/docker.h"
#include "archiver/pause.h"
#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

// Returns once every one of `containers`, as they were when the service was inspected, is confirmed
// running: healthy where it has a health check and was not unhealthy before, else up without a
// restart for a while (StartTiming). One that was in a restart loop before is confirmed by being in
// it again. A container that exits is started again a few times. kNotRunning after `deadline` or
// once that does not help, with the container's exit code and last words.
[[nodiscard]] Result<void> WaitUntilUp(RemoteHost& host,
                                       const std::vector<DockerContainer>& containers,
                                       std::chrono::steady_clock::time_point deadline,
                                       const StartTiming& patience, const std::stop_token& stop);

}  // namespace orcio

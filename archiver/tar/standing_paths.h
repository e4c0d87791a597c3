#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// A service that is stopped may take with it what it keeps: docker unmounts a volume that it has
// mounted once the last container that uses it has ended, and a mount unit may be tied to a
// service. What tar finds then is an empty directory, which is no error.

// A file system on, below or above a path of a service.
struct StandingMount {
  std::string place;  // as the archive would name it, by the service's path
  std::string field;  // as the host's mountinfo has it
  bool above = false;
};

// What a host has at a service's paths.
struct StandingPaths {
  bool known = false;                 // whether the host has told
  std::vector<std::string> empty;     // of the paths: directories with nothing in them
  std::vector<StandingMount> mounts;  // with data: none in memory, none of a container's own
};

// While the service still runs. What lies below one of `fleeting` is left out, as is what the
// service excludes. Not known if the host does not say, which is no error.
[[nodiscard]] Result<StandingPaths> LookAtPaths(RemoteHost& host, const ServiceConfig& service,
                                                const std::vector<std::string>& fleeting,
                                                const std::stop_token& stop);

// `host`, for once the service is stopped: the first of its streams does not begin, kRemote, if a
// path that was not empty is by now, or a mount has gone; which takes no call of its own. (Emptied
// paths are nothing to a service with `min_ratio: 0`, to which any size will do.) Both outlive it.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeWatchfulHost(
    RemoteHost& host, const ServiceConfig& service, const StandingPaths& before,
    const std::vector<std::string>& fleeting);

}  // namespace orcio::inline archiver

#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/tar/standing_mounts.h"
#include "base/error.h"

namespace orcio::inline archiver {

// A service that is stopped may take with it what it keeps: docker unmounts a volume that it has
// mounted once the last container that uses it has ended, and a mount unit may be tied to a
// service. What tar finds then is an empty directory, which is no error.

// What a host has at a service's paths.
struct StandingPaths {
  bool known = false;                 // whether the host has told
  std::vector<std::string> empty;     // of the paths: directories with nothing in them
  std::vector<StandingMount> mounts;  // with data: none in memory, none of a container's own
  std::map<std::string, std::string> nodes = {};  // by path: device and inode, if that is told
  std::vector<std::string> settled = {};          // where mounts may go: MountsAtPaths'
  std::vector<std::string> places = {};           // of all mounts, whatever they are
};

// While the service still runs. What lies below one of `fleeting` is left out, as is what the
// service excludes. Not known if the host does not say, which is no error.
[[nodiscard]] Result<StandingPaths> LookAtPaths(RemoteHost& host, const ServiceConfig& service,
                                                const std::vector<std::string>& fleeting,
                                                const std::stop_token& stop);

// What a service took with it that its archive can do without, but not without a word.
struct PathLosses {
  std::vector<std::string> warnings;
  bool data = false;  // whether what a mount showed is among it
};

// `host`, for once the service is stopped: the first of its streams does not begin, kRemote, if a
// path is another file system by now: a mount on it or above has gone, or it was not empty, and is
// another directory that is. (Emptied paths are nothing to a service with `min_ratio: 0`, to which
// any size will do.) Of what has gone below a path `losses` tell. That takes no call of its own.
// All outlive it.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeWatchfulHost(RemoteHost& host,
                                                           const ServiceConfig& service,
                                                           const StandingPaths& before,
                                                           const std::vector<std::string>& fleeting,
                                                           PathLosses& losses);

}  // namespace orcio::inline archiver

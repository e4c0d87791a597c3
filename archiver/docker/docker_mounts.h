#pragma once

#include <stop_token>
#include <vector>

#include "archiver/docker/docker_mount.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// The running containers of a host, compose's and others, in no order, with what they keep on its
// disks; one that is being restarted or is paused runs. One command. kRemote, with what to do, if
// docker is missing or says no; kNetwork, the connection being ended then, if it hangs.
[[nodiscard]] Result<std::vector<MountingContainer>> ListMounts(RemoteHost& host,
                                                                const std::stop_token& stop);

}  // namespace orcio::inline archiver

#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/docker/docker.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Has compose make the containers of `project` that are `missing` anew, from the files that their
// labels name, and leaves them to be started. Those that are `present` stay as they are, and as
// many. With compose's own words: kNotFound, and by what commands they come back, if an image is
// gone, too; kRemote if it cannot otherwise, as without the files; or if it has not within `limit`,
// in all: the link is closed then, and compose may go on.
[[nodiscard]] Result<void> RemakeContainers(RemoteHost& host, const std::string& project,
                                            const std::vector<DockerContainer>& missing,
                                            const std::vector<DockerContainer>& present,
                                            std::chrono::seconds limit,
                                            const std::stop_token& stop);

}  // namespace orcio::inline archiver

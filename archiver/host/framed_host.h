#pragma once

#include <memory>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"

namespace orcio::inline archiver {

// `host`, reached over a login shell that may print before it runs a command: what it prints is
// left out of every answer, on either output, as is what sudo says before. 64 KiB of it before the
// first byte of a command's own are an error, kRemote, as is a command that ended well without ever
// having begun: then something else has run in its place.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeFramedHost(std::unique_ptr<RemoteHost> host,
                                                         const HostConfig& config);

}  // namespace orcio::inline archiver

#pragma once

#include <memory>
#include <stop_token>

#include "archiver/host/remote_host.h"

namespace orcio::inline archiver {

// `host`, to which a thread of its own begins to connect at once, until `stop` or the end of this
// object's life. The first Connect waits for that, and says what came of it; a connection that has
// broken since is made anew. Nothing else may be asked of it before.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeEarlyHost(std::unique_ptr<RemoteHost> host,
                                                        const std::stop_token& stop);

}  // namespace orcio::inline archiver

#pragma once

#include "archiver/config/config.h"
#include "archiver/ssh/libssh/ssh_session.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Logs in by public key: the configured identity, else the agent's keys and the identities that
// ~/.ssh/config or custom name; of an agent's keys the named ones alone if IdentitiesOnly says
// so. kRefused, with what was tried and what to do.
[[nodiscard]] Result<void> LogIn(SshSession& session, const HostConfig& config,
                                 const Patience& patience);

}  // namespace orcio::inline archiver

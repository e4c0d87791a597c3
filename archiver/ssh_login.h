#pragma once

#include "archiver/config.h"
#include "archiver/ssh_session.h"
#include "index/error.h"

namespace orcio {

// kRefused unless the known_hosts files know the key that the host has shown, and none of them
// revokes it; with what to do.
[[nodiscard]] Result<void> CheckHostKey(const SshSession& session);

// Logs in by public key: the configured identity, else the agent's keys and the identities that
// ~/.ssh/config or custom name. kRefused, with what was tried and what to do.
[[nodiscard]] Result<void> LogIn(SshSession& session, const HostConfig& config,
                                 const Patience& patience);

// `path` with a leading "~/" taken for the home directory.
[[nodiscard]] std::string ExpandHome(const std::string& path);

}  // namespace orcio

#pragma once

#include <string>

#include "archiver/ssh/libssh/ssh_session.h"
#include "base/error.h"

namespace orcio::inline archiver {

// kRefused unless the known_hosts files know the key that the host has shown, and nothing revokes
// it; with what to do.
[[nodiscard]] Result<void> CheckHostKey(const SshSession& session);

// "ssh-ed25519 key SHA256:..."
[[nodiscard]] std::string DescribeKey(ssh_key key);

}  // namespace orcio::inline archiver

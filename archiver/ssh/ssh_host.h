#pragma once

#include <memory>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/ssh/way/ssh_link.h"

namespace orcio::inline archiver {

// A host reached over SSH, by libssh or, if its `transport` says so, by this machine's own OpenSSH
// client. Either asks for AES-GCM first: several times as fast as the default cipher; goes by
// OpenSSH's configuration, ~/.ssh/config and all; and never asks a person anything. What a login
// shell prints by itself is in no answer (framed_host.h).
//
// libssh refuses unknown and changed host keys. `transport: ssh` is one ssh(1) for each of these,
// over whose connection all commands run one after another. What OpenSSH can do to log in, it does:
// certificates of hosts and users, security keys, GSSAPI, a ProxyCommand of any kind. It decides
// about the host's key, as the user's own configuration has it.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeSshHost(const HostConfig& config,
                                                      const SshOptions& options = {});

}  // namespace orcio::inline archiver

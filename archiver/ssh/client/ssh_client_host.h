#pragma once

#include <memory>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/ssh/way/ssh_link.h"

namespace orcio {

// A host reached by this machine's own OpenSSH client (`transport: ssh`): one ssh(1) for each of
// these, over whose connection all commands run one after another. What OpenSSH can do to log in,
// it does: certificates of hosts and users, security keys, GSSAPI, a ProxyCommand of any kind. It
// decides about the host's key, as the user's own configuration has it, and never asks a person
// anything. Without frames: MakeSshHost puts them around it.
[[nodiscard]] std::unique_ptr<RemoteHost> MakeSshClientHost(const HostConfig& config,
                                                            const SshOptions& options);

}  // namespace orcio

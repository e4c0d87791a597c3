#pragma once

#include <memory>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/ssh/way/ssh_link.h"

namespace orcio {

// A host reached over SSH, by libssh or, where its `transport` says so, by ssh(1)
// (ssh_client_host.h). libssh refuses unknown and changed host keys. Either asks for AES-GCM first:
// several times as fast as the default cipher; goes by OpenSSH's configuration, ~/.ssh/config and
// all; and never asks a person anything. What a login shell prints by itself is in no answer
// (framed_host.h).
[[nodiscard]] std::unique_ptr<RemoteHost> MakeSshHost(const HostConfig& config,
                                                      const SshOptions& options = {});

}  // namespace orcio

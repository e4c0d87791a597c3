#pragma once

#include <libssh/libssh.h>

#include "archiver/config/config.h"
#include "archiver/ssh/way/known_hosts.h"
#include "archiver/ssh/way/ssh_settings.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What a session needs to know of a host: by OpenSSH's client if this machine has it, else as
// libssh reads ~/.ssh/config; what `config` says goes before. The session is given all of it.
// kInvalid if the configuration cannot work.
[[nodiscard]] Result<SshSettings> ConfigureSession(ssh_session session, const HostConfig& config,
                                                   const Patience& patience);

// What the known_hosts files say about the host.
[[nodiscard]] KnownHosts ReadKnownHosts(const SshSettings& settings);

// `list` of algorithms, those for keys of these types first: a host that has several keys shows the
// one that is asked for first.
[[nodiscard]] std::string PreferringTypes(const std::string& list,
                                          const std::vector<std::string>& types);

}  // namespace orcio::inline archiver

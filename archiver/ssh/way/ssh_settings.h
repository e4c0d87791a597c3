#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/config.h"
#include "base/error.h"
#include "base/threads/patience.h"

namespace orcio::inline archiver {

// What OpenSSH's client says that it would do to reach a host (ssh -G).
struct SshSettings {
  std::string hostname;
  uint16_t port = 22;
  std::string user;
  int address_family = 0;      // of AF_*; AF_UNSPEC for any
  std::string host_key_alias;  // by which known_hosts files know it; empty for none
  std::string proxy_command;   // empty for none
  bool proxy_passes_fd = false;
  std::vector<std::string> user_known_hosts;
  std::vector<std::string> global_known_hosts;
  bool asks_about_host_keys = false;  // of a person, before it takes an unknown one
  std::string revoked_host_keys;      // a file; empty for none
  std::optional<std::vector<std::string>> identities;  // nothing if libssh alone knows them
  bool identities_only = false;
  std::string agent;  // its socket; empty for none
  // Lists as libssh takes them; those that are OpenSSH's own are left out.
  std::optional<std::string> ciphers;
  std::optional<std::string> macs;
  std::optional<std::string> key_exchanges;
  std::optional<std::string> key_algorithms;  // of our keys
  std::string host_key_algorithms;            // OpenSSH's own too; empty for libssh's

  // The name and the port that known_hosts files know the host by.
  [[nodiscard]] const std::string& KnownName() const {
    return host_key_alias.empty() ? hostname : host_key_alias;
  }
  [[nodiscard]] uint16_t KnownPort() const { return host_key_alias.empty() ? port : 22; }
};

// Asks the OpenSSH client of this machine, for libssh 0.10 reads ~/.ssh/config in a way of its own:
// a name with `_` or a `Match` that it does not know is the end of it. Nothing if this machine
// has no ssh. What `config` says goes before. kInvalid, with ssh's own words, if ssh takes no
// part of the configuration.
[[nodiscard]] Result<std::optional<SshSettings>> AskOpenSsh(const HostConfig& config,
                                                            const Patience& patience);

// The settings in what `ssh -G` prints. `defaults` is what it prints of a host that no
// configuration knows. Nothing if `told` is no such text.
[[nodiscard]] std::optional<SshSettings> ParseSshSettings(std::string_view told,
                                                          std::string_view defaults,
                                                          const HostConfig& config);

// The text of `home`/.ssh/config so that it means the same to an ssh that takes another directory
// for the home: ssh goes by the password database, and orcio by HOME.
[[nodiscard]] std::string SshConfigForHome(std::string_view text, const std::string& home);

// The text of a file for `ssh -F` if HOME is another directory than ssh takes for the home;
// nothing if ssh finds its configuration by itself.
[[nodiscard]] std::optional<std::string> SshConfigOfItsOwn();

// A command that leads to a host by way of others, as ProxyJump lists them.
[[nodiscard]] std::string JumpCommand(std::string_view jumps, const std::string& config_file);

// `path` with a leading "~/" taken for the home directory.
[[nodiscard]] std::string ExpandHome(const std::string& path);

}  // namespace orcio::inline archiver

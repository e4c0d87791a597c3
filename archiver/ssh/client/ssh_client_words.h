#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/ssh/way/ssh_settings.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Where an ssh(1) of ours keeps what belongs to it.
struct SshClientPlaces {
  std::string socket;       // on which it shares its connection
  std::string config_file;  // for -F; empty if it finds its configuration by itself
};

// The words of a command that logs in to the host, shares the connection on that socket, and runs
// nothing there. It asks nobody anything, takes no terminal, forwards nothing, and ends if the
// host is silent for `dead_link_timeout`. Whatever else it does, which host keys it takes above
// all, is as the configuration of OpenSSH has it: `settings` is what that says.
[[nodiscard]] std::vector<std::string> SshClientWords(const HostConfig& config,
                                                      const SshSettings& settings,
                                                      const SshClientPlaces& places,
                                                      std::chrono::seconds dead_link_timeout);

// What an administrator would type to see the same by hand.
[[nodiscard]] std::string SshByHand(const HostConfig& config);

// Why an ssh did not log in, which has `said` so: kRefused if the host, or its key, says no,
// else kNetwork.
[[nodiscard]] Error SshLoginError(const HostConfig& config, std::string_view said);

}  // namespace orcio::inline archiver

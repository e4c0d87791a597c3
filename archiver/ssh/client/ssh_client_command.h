#pragma once

#include <stop_token>
#include <string>

#include "archiver/host/remote_host.h"
#include "archiver/ssh/client/ssh_client_master.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Runs `line`, as the login user's shell takes it, to its end, over the connection of an ssh(1).
// Standard output goes to `sink` if there is one. After an error the command has lost its input
// and its outputs, which is all that ssh can tell it. Errors and time-outs as RunOnSession has them
// (ssh_channel.h); kNetwork, too, if a signal ended the command: ssh does not tell of that.
[[nodiscard]] Result<CommandResult> RunOverMaster(SshClientMaster& master, const std::string& line,
                                                  const RunOptions& options, ByteSink* sink,
                                                  const std::stop_token& stop);

}  // namespace orcio::inline archiver

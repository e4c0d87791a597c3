#pragma once

#include <string>

#include "archiver/host/remote_host.h"
#include "archiver/ssh/libssh/ssh_session.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace orcio::inline archiver {

// Runs `line`, as the login user's shell takes it, to its end. Standard output goes to `sink` if
// there is one. After an error the command has been asked to end, but the session is good for
// nothing any more. kNetwork if the link broke, the host ended the channel without an exit
// status, or `options.timeout` passed (it does not apply if there is a sink, or more_input); the
// sink's or the input's error; kCancelled.
[[nodiscard]] Result<CommandResult> RunOnSession(SshSession& session, const std::string& line,
                                                 const RunOptions& options, ByteSink* sink,
                                                 const std::stop_token& stop);

}  // namespace orcio::inline archiver

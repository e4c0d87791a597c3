#pragma once

#include <string>

#include "archiver/remote_host.h"
#include "archiver/ssh_session.h"
#include "index/byte_sink.h"
#include "index/error.h"

namespace orcio {

// Runs `line`, as the login user's shell takes it, to its end. Standard output goes to `sink` where
// there is one. After an error the command has been asked to end, but the session is good for
// nothing any more. kNetwork where the link broke, the host ended the channel without an exit
// status, or `options.timeout` passed (it does not apply where there is a sink, or more_input); the
// sink's or the input's error; kCancelled.
[[nodiscard]] Result<CommandResult> RunOnSession(SshSession& session, const std::string& line,
                                                 const RunOptions& options, ByteSink* sink,
                                                 const std::stop_token& stop);

}  // namespace orcio

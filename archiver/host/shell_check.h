#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// kRemote, with what to do, if no command runs on the host for want of a login shell or for what
// sudo says, if more comes from one than it prints, or if a start-up file takes away what is sent
// to its standard input. Looked at when nothing has been stopped, and not when a service waits to
// be started again. Returns how long a command takes there; one slow disk counts for nothing.
// Where nothing will be sent, `input_taken` gets a sentence on what a start-up file takes away.
[[nodiscard]] Result<std::chrono::milliseconds> CheckShell(
    RemoteHost& host, const std::stop_token& stop,
    std::optional<std::string>* input_taken = nullptr);

// A sentence about a host where the shortest command takes so long that a service is down for much
// longer than it need be; nothing if it is not so.
[[nodiscard]] std::optional<std::string> SlowShell(const std::string& host,
                                                   std::chrono::milliseconds command_time);

// How long a command that is a sign of life may take, to a guard that fires after `silence`.
[[nodiscard]] std::chrono::seconds LongestBeat(std::chrono::seconds silence);

}  // namespace orcio::inline archiver

#pragma once

#include <string>
#include <string_view>

#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What another machine printed, fit for one line of a message: the last `max_lines` lines that hold
// anything, joined by " | ", as SafeText shows them, at most 400 bytes. "no output" if there
// is none.
[[nodiscard]] std::string Excerpt(std::string_view output, size_t max_lines = 3);

// kRemote: "HOST: WHAT failed (exit status N): what it said", with what to do about it if `sudo`
// was the one that said no.
[[nodiscard]] Failure RemoteFailure(const RemoteHost& host, std::string_view what,
                                    const CommandResult& result);

}  // namespace orcio::inline archiver

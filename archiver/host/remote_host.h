#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "base/byte_sink.h"
#include "base/error.h"
#include "index/files/byte_source.h"

namespace orcio::inline archiver {

// How a command on a host ended.
struct CommandResult {
  int exit_status = 0;                // 128 + N if a signal ended it, as a shell says it
  std::optional<std::string> signal;  // its name without "SIG"
  // Whether it was the command that ended so, and not what was to run it: a login shell, sudo, a
  // ForceCommand. Of those, `out` and `err` are then.
  bool begun = true;
  std::string out;  // at most RunOptions::max_output bytes; the rest is read and dropped
  std::string err;  // likewise
  bool out_truncated = false;
  bool err_truncated = false;
};

struct RunOptions {
  std::chrono::seconds timeout{60};  // for the whole command; 0 for none
  std::string input;                 // its standard input
  // Then this, which outlives the command; if it fails, so does the command. With it there is no
  // time-out but for a dead link.
  ByteSource* more_input = nullptr;
  size_t max_output = size_t{1} << 20;
  // It leaves nothing to be put in order: it is killed, and not asked to end, if it is given up.
  // (What somebody has stopped, or what hangs, hears of nothing else.)
  bool only_reads = false;
  bool as_root = true;  // through `sudo -n` if the host's configuration says so
};

// A machine where services run. One connection, used by one thread at a time. `command` is a line
// for a POSIX shell, whatever the login user's is: whoever builds it quotes what it got from
// elsewhere (shell_quote.h).
class RemoteHost {
 public:
  virtual ~RemoteHost() = default;

  // As the configuration names it.
  [[nodiscard]] virtual const std::string& name() const = 0;

  // Connects and logs in if there is no living connection. kNetwork if the host is away,
  // kRefused if it, or its key, says no, with what to do about it.
  [[nodiscard]] virtual Result<void> Connect(const std::stop_token& stop) = 0;
  // Ends the connection at once, without waiting for anything.
  virtual void Disconnect() = 0;

  // Runs a command to its end. An exit status other than 0 is not an error. kNetwork if the link
  // broke or the time-out passed (the connection is ended then), kCancelled.
  [[nodiscard]] virtual Result<CommandResult> Run(const std::string& command,
                                                  const RunOptions& options,
                                                  const std::stop_token& stop) = 0;

  // As Run, with the command's standard output going to `sink` and no time-out but for a dead link;
  // `out` stays empty. Returns once the command ended, or with the sink's error.
  [[nodiscard]] virtual Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                                     const RunOptions& options,
                                                     const std::stop_token& stop) = 0;
};

}  // namespace orcio::inline archiver

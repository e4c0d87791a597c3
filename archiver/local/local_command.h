#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {

// A command that `sh -c` runs on this machine, in a process group of its own and with every signal
// as it was when this process began; both its outputs go to standard error, and it has no other
// file of this process. Killed, with all of its group, if it has not ended when this goes out of
// scope.
class LocalCommand {
 public:
  // `environment` comes on top of this process's own.
  [[nodiscard]] static Result<LocalCommand> Start(
      const std::string& command, const std::map<std::string, std::string>& environment,
      const UniqueFd& standard_input);
  LocalCommand(LocalCommand&& other) noexcept;
  LocalCommand& operator=(LocalCommand&&) = delete;
  ~LocalCommand();

  // Whether it ends within this time, or has ended.
  [[nodiscard]] bool EndsWithin(std::chrono::milliseconds time) const;
  // To its whole group.
  void Signal(int signal) const;
  // Waits for its end. kIo if it did not exit with 0; `what` names it in the message.
  [[nodiscard]] Result<void> Wait(const std::string& what);

 private:
  explicit LocalCommand(pid_t pid);

  pid_t pid_;  // -1 once waited for
  UniqueFd process_;
};

// A file in memory that holds `text`, to be a command's standard input: nobody has to write it
// while the command reads, or does not.
[[nodiscard]] Result<UniqueFd> InputOf(std::string_view text);

}  // namespace orcio::inline archiver

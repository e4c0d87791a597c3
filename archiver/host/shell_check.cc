#include "archiver/host/shell_check.h"

#include <algorithm>
#include <string_view>

#include "archiver/host/remote_text.h"
#include "archiver/host/sudo_advice.h"
#include "base/text/figures.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

// A disk that has to spin up first, or a user's session that systemd sets up, may make one command
// slow, but not the next.
constexpr std::chrono::seconds kSlow{5};

// Comes back as it was sent. Two lines, since a `read` takes one; and comments, as whatever a
// start-up file may `exec` may take them for commands.
constexpr std::string_view kEcho = "cat";
constexpr std::string_view kSent = "# orcio, to itself\n# by way of a command\n";

std::string ShellAdvice(const CommandResult& result) {
  if (result.err.find("orcio-host: refused") != std::string::npos)
    return "install the orcio-host of this version of orcio there";
  return SudoAdvice(result.err)
      .value_or(
          "see that the login user has a shell there (`getent passwd USER`) whose start-up files "
          "let commands run");
}

Failure NoShell(const RemoteHost& host, const CommandResult& result) {
  return Fail(ErrorKind::kRemote, "{}: no command runs there (exit status {}): {}; {}", host.name(),
              result.exit_status, Excerpt(result.err + "\n" + result.out), ShellAdvice(result));
}

// Nothing came back of what was sent, or its beginning or its end alone.
std::string InputTaken(const RemoteHost& host, const CommandResult& result, bool matters) {
  const std::string said =
      result.exit_status == 0 ? "" : fmt::format(" ({})", Excerpt(result.err, 1));
  return fmt::format(
      "{}: what is sent to a command there by its standard input {}{}, and {}: a start-up file of "
      "the login shell reads its standard input, or closes it: look in ~/.bashrc (~/.zshenv, "
      "config.fish) and in what it calls for `read`, `cat`, or `ssh` without -n; give each "
      "`</dev/null`, or let the file end at its top if nobody types (`case $- in *i*) ;; *) return "
      ";; esac`)",
      host.name(), result.out.empty() ? "does not arrive" : "arrives cut short", said,
      matters ? "tar would get no list of files"
              : "there can be no guard there, no precopy and no restore");
}

Failure Talks(const RemoteHost& host, std::string out) {
  if (const size_t at = out.find(kSent); at != std::string::npos) out.erase(at, kSent.size());
  return Fail(ErrorKind::kRemote,
              "{}: something there prints to standard output while a command runs, or after it "
              "({}), which would get into the archive: look at ForceCommand in sshd_config, and "
              "for what the start-up files of the login shell (~/.bashrc) leave running",
              host.name(), Excerpt(out, 1));
}

Result<std::chrono::milliseconds> TryShell(RemoteHost& host, const std::stop_token& stop,
                                           std::optional<std::string>* input_taken) {
  RunOptions options;
  options.input = kSent;
  options.only_reads = true;
  const auto begun = Clock::now();
  const auto result = ORCIO_TRY(host.Run(std::string(kEcho), options, stop));
  const auto took = Clock::now() - begun;
  if (!result.begun) return NoShell(host, result);
  if (result.out != kSent) {
    if (!kSent.ends_with(result.out) && !kSent.starts_with(result.out))
      return Talks(host, result.out);
    const std::string taken = InputTaken(host, result, input_taken == nullptr);
    if (input_taken == nullptr) return Fail(ErrorKind::kRemote, "{}", taken);
    *input_taken = taken;
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(took);
}

}  // namespace

Result<std::chrono::milliseconds> CheckShell(RemoteHost& host, const std::stop_token& stop,
                                             std::optional<std::string>* input_taken) {
  const auto first = ORCIO_TRY(TryShell(host, stop, input_taken));
  if (first < kSlow) return first;
  return std::min(first, ORCIO_TRY(TryShell(host, stop, input_taken)));
}

std::optional<std::string> SlowShell(const std::string& host,
                                     std::chrono::milliseconds command_time) {
  if (command_time < kSlow) return std::nullopt;
  return fmt::format(
      "{}: every command takes {} there before it does anything, and a service is down for "
      "several of them: look at what the start-up files of the login shell (~/.bashrc) wait for, "
      "and at PAM's modules",
      host, FormatSeconds(std::chrono::duration<double>(command_time).count()));
}

std::chrono::seconds LongestBeat(std::chrono::seconds silence) {
  return std::clamp(silence / 2, std::chrono::seconds(1), std::chrono::seconds(10));
}

}  // namespace orcio::inline archiver

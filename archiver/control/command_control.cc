#include "archiver/control/command_control.h"

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll{500};
// What a shell says of a command that it cannot run, which is no answer about the service.
constexpr int kNotExecutable = 126;
constexpr int kNoSuchCommand = 127;

Result<CommandResult> RunLine(RemoteHost& host, const std::string& line,
                              std::chrono::seconds timeout, const std::stop_token& stop) {
  RunOptions options;
  options.timeout = timeout;
  return host.Run(ShellCommand({"sh", "-c", line}), options, stop);
}

Result<bool> IsRunning(RemoteHost& host, const std::string& line, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(RunLine(host, line, RunOptions{}.timeout, stop));
  if (!result.begun || result.exit_status == kNotExecutable ||
      result.exit_status == kNoSuchCommand) {
    return RemoteFailure(host, "the status command `" + Excerpt(line) + "`", result);
  }
  return result.exit_status == 0;
}

}  // namespace

Result<void> CommandControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  bool running = true;
  if (!service_.status_command.empty())
    running = ORCIO_TRY(IsRunning(host, service_.status_command, stop));
  running_ = running;
  return {};
}

std::vector<std::string> CommandControl::Running() const {
  return running_ ? std::vector{service_.name} : std::vector<std::string>();
}

Result<bool> CommandControl::Await(RemoteHost& host, bool running, std::chrono::seconds limit,
                                   const std::stop_token& stop) {
  if (service_.status_command.empty()) return true;
  const auto deadline = Clock::now() + limit;
  while (ORCIO_TRY(IsRunning(host, service_.status_command, stop)) != running) {
    if (Clock::now() >= deadline) return false;
    if (!Pause(kPoll, stop)) {
      return Fail(ErrorKind::kCancelled, "{}: interrupted while waiting for {}", host.name(),
                  service_.name);
    }
  }
  return true;
}

Result<void> CommandControl::Recall(const std::string& memory) {
  running_ = memory == "true";
  return {};
}

// Without a status command, a start that ends well once is all that can be known.
std::string CommandControl::StartScript() const {
  const std::string start = ShellCommand({"sh", "-c", service_.start_command});
  const std::string quiet = " </dev/null >/dev/null 2>&1";
  std::string all;
  if (service_.status_command.empty()) {
    all = "  [ -z \"$started\" ] || return\n  up=no\n  if in_session " + start + quiet +
          "; then started=1; fi\n";
  } else {
    const std::string status = ShellCommand({"sh", "-c", service_.status_command});
    all = "  if in_session " + status + quiet + "; then return; fi\n  up=no\n  in_session " +
          start + quiet + "\n";
  }
  return "started=\nstart_all() {\n" + all + "}\nfinish_stop() { :; }\n";
}

Result<void> CommandControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  if (service_.status_command.empty()) return {};
  if (!ORCIO_TRY(IsRunning(host, service_.status_command, stop))) return {};
  return Fail(ErrorKind::kRemote,
              "{}: the status command says that {} runs, right after its files were read: what was "
              "read may not be consistent. Find out what starts it there",
              host.name(), service_.name);
}

Result<void> CommandControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  if (!running_) return {};
  const auto limit = service_.stop_timeout.count() > 0 ? service_.stop_timeout : kDefaultStopLimit;
  const auto result = ORCIO_TRY(RunLine(host, service_.stop_command, limit, stop));
  if (result.exit_status != 0) {
    return RemoteFailure(host, "the stop command `" + Excerpt(service_.stop_command) + "`", result);
  }
  if (ORCIO_TRY(Await(host, false, limit, stop))) return {};
  return Fail(ErrorKind::kRemote, "{}: the status command says that {} runs on after its stop",
              host.name(), service_.name);
}

Result<void> CommandControl::Start(RemoteHost& host, const std::stop_token& stop) {
  if (!running_) return {};
  const auto result =
      ORCIO_TRY(RunLine(host, service_.start_command, service_.start_timeout, stop));
  if (result.exit_status != 0) {
    return Fail(ErrorKind::kNotRunning,
                "{}: {} is not confirmed running again: its start command `{}` ended with {}: {}",
                host.name(), service_.name, Excerpt(service_.start_command), result.exit_status,
                Excerpt(result.err.empty() ? result.out : result.err));
  }
  if (ORCIO_TRY(Await(host, true, service_.start_timeout, stop))) return {};
  return Fail(ErrorKind::kNotRunning,
              "{}: {} is not confirmed running again: its status command says no {} s after its "
              "start",
              host.name(), service_.name, service_.start_timeout.count());
}

}  // namespace orcio::inline archiver

#include "archiver/safety/guard.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_check.h"
#include "base/text/words.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

// Signs of orcio for each silence after which the guard fires.
constexpr int kBeatsPerSilence = 4;
constexpr std::chrono::seconds kArmTime{60};

std::optional<GuardState> ParseGuardState(std::string_view output) {
  std::optional<GuardState> state;
  for (const auto& line : Lines(output)) {
    if (!line.starts_with(kGuardMark)) continue;
    const auto words = Split(line.substr(std::string_view(kGuardMark).size()), ' ');
    if (words.size() < 2) continue;
    state.emplace();
    state->mark = words[0] == "armed"   ? GuardState::Mark::kArmed
                  : words[0] == "fired" ? GuardState::Mark::kFired
                                        : GuardState::Mark::kGone;
    state->phase = words[1] == "stopped"    ? GuardState::Phase::kStopped
                   : words[1] == "stopping" ? GuardState::Phase::kStopping
                                            : GuardState::Phase::kBefore;
    state->detail = Excerpt(Join({words.begin() + 2, words.end()}, " "), 1);
  }
  return state;
}

}  // namespace

Result<void> ArmGuard(RemoteHost& host, const GuardPlan& plan, const std::stop_token& stop) {
  RunOptions options;
  options.input = GuardProgram(plan);
  options.timeout = kArmTime;
  const auto result = ORCIO_TRY(host.Run(ArmCommand(plan.token), options, stop));
  const auto state = ParseGuardState(result.out);
  if (result.exit_status == 0 && state && state->mark == GuardState::Mark::kArmed) return {};
  return RemoteFailure(
      host, "starting the guard that would start " + plan.service + " again (guard: in the manual)",
      result);
}

Result<GuardState> AskGuard(RemoteHost& host, const std::string& command,
                            std::chrono::seconds timeout, const std::stop_token& stop) {
  RunOptions options;
  options.timeout = timeout;
  const auto result = ORCIO_TRY(host.Run(command, options, stop));
  const auto state = ParseGuardState(result.out);
  if (!state) return RemoteFailure(host, "asking for the guard", result);
  return *state;
}

std::optional<GuardState> TakeGuardState(std::string& out) {
  const std::string mark = kGuardMark;
  const size_t begin = out.starts_with(mark) ? 0 : out.find("\n" + mark);
  if (begin == std::string::npos) return std::nullopt;
  const size_t end = std::min(out.find('\n', begin + 1), out.size() - 1);
  auto state = ParseGuardState(std::string_view(out).substr(begin, end + 1 - begin));
  out.erase(0, end + 1);
  return state;
}

GuardPulse::GuardPulse(RemoteHost& host, std::string token, std::chrono::seconds silence)
    : host_(host),
      token_(std::move(token)),
      silence_(silence),
      thread_([this](const std::stop_token& over) { Beat(over); }) {}

GuardPulse::~GuardPulse() {
  thread_.request_stop();
  thread_.join();
}

std::string GuardPulse::why() const {
  const MutexLock lock(mutex_);
  return why_;
}

void GuardPulse::Lose(std::string why) {
  {
    const MutexLock lock(mutex_);
    why_ = std::move(why);
  }
  lost_.request_stop();
}

// Nobody is above this thread to catch what it throws.
Result<GuardState> GuardPulse::Ask(bool connected, std::chrono::seconds timeout,
                                   const std::stop_token& over) {
  try {
    if (!connected) ORCIO_TRY(host_.Connect(over));
    return AskGuard(host_, BeatCommand(token_), timeout, over);
  } catch (const std::bad_alloc&) {
    return FailErrno(ENOMEM, "its guard was not asked");
  }
}

void GuardPulse::Beat(const std::stop_token& over) {
  const auto pause = std::chrono::milliseconds(silence_) / kBeatsPerSilence;
  const auto timeout = LongestBeat(silence_);
  auto heard = Clock::now();
  bool connected = true;
  while (Pause(pause, over)) {
    const auto asked = Clock::now();
    const auto beat = Ask(connected, timeout, over);
    if (over.stop_requested()) return;
    connected = beat.has_value();
    if (beat && beat->mark == GuardState::Mark::kFired) return Lose(beat->detail);
    if (beat && beat->mark == GuardState::Mark::kGone)
      return Lose(
          "it has vanished: that host was started anew, or orcio was silent before it stopped "
          "anything");
    if (beat) {
      heard = asked;
    } else if (Clock::now() - heard >= silence_) {
      return Lose("it could not be reached for " + std::to_string(silence_.count()) + " s (" +
                  beat.error().message + ")");
    }
  }
}

Result<CommandResult> GuardedHost::Run(const std::string& command, const RunOptions& options,
                                       const std::stop_token& stop) {
  if (token_.empty()) return host_.Run(command, options, stop);
  return Judge(ORCIO_TRY(host_.Run(GuardedCommand(token_, command, false), options, stop)));
}

Result<CommandResult> GuardedHost::Stream(const std::string& command, ByteSink& sink,
                                          const RunOptions& options, const std::stop_token& stop) {
  if (token_.empty()) return host_.Stream(command, sink, options, stop);
  return Judge(ORCIO_TRY(host_.Stream(GuardedCommand(token_, command, true), sink, options, stop)));
}

Result<CommandResult> GuardedHost::Judge(CommandResult result) const {
  if (result.exit_status != kGuardRefused || result.err.find(kGuardMark) == std::string::npos)
    return result;
  return Fail(ErrorKind::kRemote, "{}: the guard there has fired", name());
}

}  // namespace orcio::inline archiver

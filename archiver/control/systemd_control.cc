#include "archiver/control/systemd_control.h"

#include <algorithm>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

struct UnitState {
  std::string load;        // loaded, not-found, masked...
  std::string active;      // active, activating, deactivating, inactive, failed...
  std::string sub;         // running, exited, auto-restart...
  std::string job;         // empty or "0" if systemd has nothing left to do with it
  std::string invocation;  // another one after each start
  std::string entered;     // when it last became active; nothing if it never did

  [[nodiscard]] bool up() const { return active == "active" || active == "reloading"; }
  [[nodiscard]] bool running() const { return up() || active == "activating"; }
  [[nodiscard]] bool settled() const { return job.empty() || job == "0"; }
};

Failure SystemctlFailure(const RemoteHost& host, const std::string& what,
                         const CommandResult& result) {
  if (result.exit_status == 127) {
    return Fail(ErrorKind::kRemote,
                "{}: there is no systemctl in the PATH of the login user: set the service's "
                "control to compose, commands or none",
                host.name());
  }
  return RemoteFailure(host, what, result);
}

// One state for each of `units`, in their order.
Result<std::vector<UnitState>> Show(RemoteHost& host, const std::vector<std::string>& units,
                                    const std::stop_token& stop) {
  std::vector<std::string> words{"systemctl", "show",
                                 "--property=LoadState,ActiveState,SubState,Job,InvocationID,"
                                 "ActiveEnterTimestampMonotonic",
                                 "--"};
  words.insert(words.end(), units.begin(), units.end());
  const auto result = ORCIO_TRY(host.Run(ShellCommand(words), {}, stop));
  if (result.exit_status != 0) return SystemctlFailure(host, "systemctl show", result);
  std::vector<UnitState> states;
  bool open = false;  // an empty line ends each unit's properties
  for (const auto& line : Lines(result.out)) {
    if (line.empty()) {
      open = false;
      continue;
    }
    if (!open) states.emplace_back();
    open = true;
    auto& state = states.back();
    const std::map<std::string, std::string*> fields{
        {"LoadState", &state.load},
        {"ActiveState", &state.active},
        {"SubState", &state.sub},
        {"Job", &state.job},
        {"InvocationID", &state.invocation},
        {"ActiveEnterTimestampMonotonic", &state.entered}};
    const size_t equals = std::min(line.find('='), line.size());
    const auto field = fields.find(line.substr(0, equals));
    if (field != fields.end() && equals < line.size()) *field->second = line.substr(equals + 1);
  }
  const bool complete = std::all_of(states.begin(), states.end(), [](const UnitState& state) {
    return !state.load.empty() && !state.active.empty();
  });
  if (states.size() != units.size() || !complete) {
    return Fail(ErrorKind::kRemote, "{}: systemctl's answer makes no sense: {}", host.name(),
                Excerpt(result.out));
  }
  return states;
}

Error NotUp(RemoteHost& host, const std::string& unit, const UnitState& state,
            const std::stop_token& stop) {
  std::string said = "unknown";
  const auto journal = host.Run(
      ShellCommand({"journalctl", "--unit=" + unit, "--lines=5", "--no-pager", "--output=cat"}), {},
      stop);
  if (journal && journal->exit_status == 0) said = Excerpt(journal->out, 5);
  return Error{
      ErrorKind::kNotRunning, 0,
      fmt::format("{}: unit {} is not confirmed running again: it is {} ({}); its last "
                  "output: {}; look at `systemctl status {}` there and start it by hand",
                  host.name(), unit, Excerpt(state.active), Excerpt(state.sub), said, unit)};
}

// Whether a unit's property tells of another start than `before` does. "0" is a time that never
// was.
bool IsAnother(const std::string& now, const std::string& before) {
  return !now.empty() && now != "0" && now != before;
}

Failure Interrupted(const RemoteHost& host) {
  return Fail(ErrorKind::kCancelled, "{}: interrupted while waiting for systemd", host.name());
}

}  // namespace

Result<void> SystemdControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  const auto states = ORCIO_TRY(Show(host, service_.units, stop));
  for (size_t i = 0; i < states.size(); ++i) {
    const auto& unit = service_.units[i];
    if (states[i].load == "not-found") {
      return Fail(ErrorKind::kNotFound,
                  "{}: systemd has no unit {}: correct the service's units: in the configuration",
                  host.name(), unit);
    }
    last_starts_[unit] = {states[i].invocation, states[i].entered};
    if (states[i].running()) running_.push_back(unit);
  }
  return {};
}

std::vector<std::string> SystemdControl::Running() const {
  return {running_.rbegin(), running_.rend()};
}

std::string SystemdControl::Memory() const {
  return nlohmann::json(running_).dump();
}

Result<void> SystemdControl::Recall(const std::string& memory) {
  try {
    running_ = nlohmann::json::parse(memory).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "{}", exception.what());
  }
  return {};
}

// systemd queues a start behind a stop that is still under way, and drops a queued stop for it.
std::string SystemdControl::StartScript() const {
  std::string start;
  for (const auto& unit : running_) start += "  start_unit " + ShellQuote(unit) + "\n";
  return "start_unit() {\n"
         "  state=$(within 60 systemctl is-active -- \"$1\" 2>/dev/null)\n"
         "  case $state in active | reloading) return ;; esac\n"
         "  up=no\n"
         "  [ \"$state\" = activating ] || within 60 systemctl --no-block start -- \"$1\"\n"
         "}\n"
         "start_all() {\n" +
         start +
         "}\n"
         "finish_stop() { within 60 systemctl --no-block start -- " +
         ShellCommand(running_) + "; }\n";
}

Result<void> SystemdControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  const auto states = ORCIO_TRY(Show(host, service_.units, stop));
  for (size_t i = 0; i < states.size(); ++i) {
    const LastStart& before = last_starts_[service_.units[i]];
    // Nothing if systemd has forgotten the unit since, which is not a start.
    const bool started = states[i].running() ||
                         IsAnother(states[i].invocation, before.invocation) ||
                         IsAnother(states[i].entered, before.entered);
    if (!started) continue;
    return Fail(
        ErrorKind::kRemote,
        "{}: unit {} was started while its files were read: what was read is not "
        "consistent. Find out what starts it there: a timer, a socket, a watchdog, a person",
        host.name(), service_.units[i]);
  }
  return {};
}

Result<void> SystemdControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  for (auto unit = running_.rbegin(); unit != running_.rend(); ++unit) {
    ORCIO_TRY(StopUnit(host, *unit, stop));
  }
  return {};
}

// Asks and polls, because a command that waits for systemd would die with the link.
Result<void> SystemdControl::StopUnit(RemoteHost& host, const std::string& unit,
                                      const std::stop_token& stop) {
  const auto limit = service_.stop_timeout.count() > 0 ? service_.stop_timeout : kDefaultStopLimit;
  const auto deadline = Clock::now() + limit;
  const auto result =
      ORCIO_TRY(host.Run(ShellCommand({"systemctl", "--no-block", "stop", "--", unit}), {}, stop));
  if (result.exit_status != 0) return SystemctlFailure(host, "systemctl stop " + unit, result);
  for (;;) {
    const auto state = ORCIO_TRY(Show(host, {unit}, stop)).front();
    if (state.active == "inactive" || state.active == "failed") {
      last_starts_[unit] = {state.invocation, state.entered};
      return {};
    }
    if (Clock::now() >= deadline) {
      return Fail(ErrorKind::kRemote, "{}: unit {} is still {} {} s after it was asked to stop",
                  host.name(), unit, Excerpt(state.active), limit.count());
    }
    if (!Pause(patience_.poll, stop)) return Interrupted(host);
  }
}

// systemd queues a start behind a stop that is still under way.
Result<void> SystemdControl::Start(RemoteHost& host, const std::stop_token& stop) {
  const auto deadline = Clock::now() + service_.start_timeout;
  for (const auto& unit : running_) {
    const auto result = ORCIO_TRY(
        host.Run(ShellCommand({"systemctl", "--no-block", "start", "--", unit}), {}, stop));
    if (result.exit_status != 0) return SystemctlFailure(host, "systemctl start " + unit, result);
    for (;;) {
      const auto state = ORCIO_TRY(Show(host, {unit}, stop)).front();
      if (state.up() && state.settled()) break;
      const bool over = state.settled() && !state.running() && state.active != "deactivating";
      if (over || Clock::now() >= deadline) return Failure(NotUp(host, unit, state, stop));
      if (!Pause(patience_.poll, stop)) return Interrupted(host);
    }
  }
  return ConfirmUp(host, deadline, stop);
}

// Up for a while without a restart: most programs that cannot start have ended by then.
Result<void> SystemdControl::ConfirmUp(RemoteHost& host, Clock::time_point deadline,
                                       const std::stop_token& stop) {
  if (running_.empty()) return {};
  std::optional<Clock::time_point> since;
  std::vector<std::string> invocations;
  for (;;) {
    const auto states = ORCIO_TRY(Show(host, running_, stop));
    std::vector<std::string> now;
    for (const auto& state : states) now.push_back(state.up() ? state.invocation : "");
    const auto down = std::find_if(states.begin(), states.end(),
                                   [](const UnitState& state) { return !state.up(); });
    if (down != states.end() && (!down->running() || Clock::now() >= deadline)) {
      const auto index = static_cast<size_t>(down - states.begin());
      return Failure(NotUp(host, running_[index], *down, stop));
    }
    if (down != states.end() || now != invocations) since.reset();
    if (!since) since = Clock::now();
    invocations = std::move(now);
    if (down == states.end() && Clock::now() - *since >= patience_.stable) return {};
    if (!Pause(patience_.poll, stop)) return Interrupted(host);
  }
}

}  // namespace orcio::inline archiver

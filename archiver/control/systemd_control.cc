#include "archiver/control/systemd_control.h"

#include <algorithm>
#include <utility>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNoSuchUnit = 5;  // systemctl's exit status, see systemctl(1)

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

// Down, and not because it failed: its condition holds no longer, its work is done, it was there
// for once only, its service was started by somebody else.
bool IsAway(const UnitState& state) {
  return state.active == "inactive" && state.settled();
}

Failure Interrupted(const RemoteHost& host) {
  return Fail(ErrorKind::kCancelled, "{}: interrupted while waiting for systemd", host.name());
}

// Nobody gets a unit up again that systemd lets nobody start.
Result<void> CheckReturns(const RemoteHost& host, const std::string& listed,
                          const FoundUnit& unit) {
  const auto& state = unit.state;
  const bool scope = unit.name.ends_with(".scope");  // its processes were started by somebody else
  if (state.can_start != "no" && state.can_stop != "no" && !scope) return {};
  return Fail(ErrorKind::kUnsupported,
              "{}: unit {}{} cannot be stopped and started by hand ({}): nothing was stopped; "
              "change that, or set the service's control to commands",
              host.name(), unit.name, unit.listed ? "" : ", which stops with " + listed + ",",
              scope                     ? "it is a scope"
              : state.load != "loaded"  ? "it is " + Excerpt(state.load, 1)
              : state.can_start == "no" ? "RefuseManualStart="
                                        : "RefuseManualStop=");
}

}  // namespace

Result<void> SystemdControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  for (const auto& unit : ORCIO_TRY(FindUnits(host, service_.units, stop))) {
    if (!unit.listed && !unit.state.running()) continue;
    // It runs nothing, and its start would be that of all that it wants, be it down for a reason.
    if (!unit.listed && unit.name.ends_with(".target")) {
      warnings_.push_back(fmt::format("{}: {} stops with {}, and is not started again by orcio",
                                      host.name(), unit.name, Join(service_.units)));
      continue;
    }
    watched_.push_back(unit.name);
    last_starts_[unit.name] = {unit.state.invocation, unit.state.entered};
    if (!unit.state.running()) continue;
    ORCIO_TRY(CheckReturns(host, Join(service_.units), unit));
    running_.push_back(
        {unit.name, !unit.state.up(), !unit.listed, unit.starts_with, unit.stops_with});
    // Its stop command may take so long, and then it may, to heed the signal.
    own_stop_time_ += 2 * unit.state.stop_timeout.value_or(std::chrono::seconds(0));
  }
  return {};
}

std::vector<std::string> SystemdControl::Running() const {
  std::vector<std::string> units;
  for (const auto& group : StopGroups(running_))
    units.insert(units.end(), group.begin(), group.end());
  return units;
}

Result<void> SystemdControl::Recall(const std::string& memory) {
  running_ = ORCIO_TRY(RecallUnits(memory));
  return {};
}

Result<void> SystemdControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  const auto states = ORCIO_TRY(ShowUnits(host, watched_, stop));
  for (size_t i = 0; i < states.size(); ++i) {
    const LastStart& before = last_starts_[watched_[i]];
    // Nothing if systemd has forgotten the unit since, which is not a start.
    const bool started = !states[i].at_rest() ||
                         IsAnother(states[i].invocation, before.invocation) ||
                         IsAnother(states[i].entered, before.entered);
    if (!started) continue;
    return Fail(
        ErrorKind::kRemote,
        "{}: unit {} was started while its files were read: what was read is not "
        "consistent. Find out what starts it there: a timer, a socket, a watchdog, a person",
        host.name(), watched_[i]);
  }
  return {};
}

Result<void> SystemdControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  const auto deadline = Clock::now() + StopLimit();
  for (const auto& group : StopGroups(running_))
    ORCIO_TRY(StopTogether(host, group, deadline, stop));
  return {};
}

// Asks and polls, because a command that waits for systemd would die with the link.
Result<void> SystemdControl::StopTogether(RemoteHost& host, const std::vector<std::string>& units,
                                          Clock::time_point deadline, const std::stop_token& stop) {
  std::vector<std::string> words{"systemctl", "--no-block", "stop", "--"};
  words.insert(words.end(), units.begin(), units.end());
  const auto result = ORCIO_TRY(host.Run(ShellCommand(words), {}, stop));
  if (result.exit_status != 0)
    return SystemctlFailure(host, "systemctl stop " + Join(units, " "), result);
  std::set<std::string> left(units.begin(), units.end());
  for (;;) {
    const auto unit = ORCIO_TRY(LookAtStop(host, left, stop));
    if (!unit) return {};
    if (Clock::now() >= deadline) {
      return Fail(ErrorKind::kRemote,
                  "{}: unit {} is still {} {} s after the service was asked to stop", host.name(),
                  unit->name, Excerpt(unit->state.active), StopLimit().count());
    }
    if (!Pause(patience_.poll, stop)) return Interrupted(host);
  }
}

std::chrono::seconds SystemdControl::StopLimit() const {
  constexpr std::chrono::seconds kLongest{3600};
  if (service_.stop_timeout.count() > 0) return service_.stop_timeout;
  return std::clamp(own_stop_time_, kDefaultStopLimit, kLongest);
}

// One that has not stopped yet, if any; takes off `left` those that have. Whatever else of the
// service is still on its way down, as somebody else had it, is waited for as well.
Result<std::optional<FoundUnit>> SystemdControl::LookAtStop(RemoteHost& host,
                                                            std::set<std::string>& left,
                                                            const std::stop_token& stop) {
  const auto states = ORCIO_TRY(ShowUnits(host, watched_, stop));
  std::optional<FoundUnit> waits;
  for (size_t i = 0; i < states.size(); ++i) {
    const auto& state = states[i];
    const bool stops = left.count(watched_[i]) != 0;
    if (stops && state.at_rest()) {
      left.erase(watched_[i]);
      last_starts_[watched_[i]] = {state.invocation, state.entered};
    } else if (!waits && (stops || state.active == "deactivating")) {
      waits = FoundUnit{watched_[i], false, state};
    }
  }
  return waits;
}

// systemd queues a start behind a stop that is still under way. If one group does not come up, the
// others are started all the same; that it has not is what the last look finds.
Result<void> SystemdControl::Start(RemoteHost& host, const std::stop_token& stop) {
  const auto deadline = Clock::now() + service_.start_timeout;
  const auto groups = StartGroups(running_);
  for (const auto& group : groups) {
    ORCIO_TRY(StartTogether(host, group, stop));
    if (&group == &groups.back()) break;
    auto listed = group;
    std::erase_if(listed, [](const UnitPart& part) { return part.joined; });
    if (listed.empty()) continue;
    auto up = ConfirmUp(host, listed, {}, deadline, stop);
    if (!up && up.error().kind != ErrorKind::kNotRunning) return up;
  }
  if (running_.empty()) return {};
  return ConfirmUp(host, running_, patience_.stable, deadline, stop);
}

// systemctl fails if one of them is there no more, and has asked for the others. Whether that one
// matters is seen once those that are listed have been asked for by themselves.
Result<void> SystemdControl::StartTogether(RemoteHost& host, const std::vector<UnitPart>& parts,
                                           const std::stop_token& stop) {
  std::vector<std::vector<std::string>> attempts{UnitNames(parts), {}};
  for (const auto& part : parts) {
    if (!part.joined) attempts[1].push_back(part.unit);
  }
  const bool all_joined = attempts[1].empty();
  if (attempts[1].size() == parts.size() || all_joined) attempts.pop_back();
  for (const auto& units : attempts) {
    std::vector<std::string> words{"systemctl", "--no-block", "start", "--"};
    words.insert(words.end(), units.begin(), units.end());
    const auto result = ORCIO_TRY(host.Run(ShellCommand(words), {}, stop));
    const bool absent = result.exit_status == kNoSuchUnit && all_joined;
    if (result.exit_status == 0 || absent) return {};
    if (&units == &attempts.back())
      return SystemctlFailure(host, "systemctl start " + Join(units, " "), result);
  }
  return {};
}

Result<std::vector<std::string>> SystemdControl::LookAgain(RemoteHost& /*host*/,
                                                           const std::stop_token& /*stop*/) {
  return std::exchange(away_, {});
}

void SystemdControl::NoteAway(const RemoteHost& host, const std::vector<UnitPart>& parts,
                              const std::vector<UnitState>& states) {
  away_.clear();
  for (size_t i = 0; i < states.size(); ++i) {
    if (!parts[i].joined || parts[i].activating || !IsAway(states[i])) continue;
    away_.push_back(fmt::format(
        "{}: unit {} stopped with the service and does not run again: it is {} ({}, {}); look at "
        "`systemctl status {}` there, and start it by hand if it is to run",
        host.name(), parts[i].unit, Excerpt(states[i].active), Excerpt(states[i].sub),
        Excerpt(states[i].load), parts[i].unit));
  }
}

// One that was activating before, at its work or between two attempts to start, is as it was if it
// is that again. It may have done its work by now. Nobody named what joined: it may be away.
bool SystemdControl::IsUp(const UnitPart& part, const UnitState& state) {
  if ((part.activating || part.joined) && IsAway(state)) return true;
  return part.activating ? state.running() : state.up() && state.settled();
}

// Which one is down for good, or `late`: one that failed itself rather than one that had to wait
// for it in vain.
std::optional<size_t> SystemdControl::FindDown(const std::vector<UnitPart>& parts,
                                               const std::vector<UnitState>& states, bool late) {
  std::optional<size_t> down;
  for (size_t i = 0; i < states.size(); ++i) {
    const bool over = states[i].settled() && states[i].at_rest();
    if (IsUp(parts[i], states[i]) || (!over && !late)) continue;
    if (!down || (states[i].active == "failed" && states[*down].active != "failed")) down = i;
  }
  return down;
}

// Most programs that cannot start have ended after a while.
Result<void> SystemdControl::ConfirmUp(RemoteHost& host, const std::vector<UnitPart>& parts,
                                       std::chrono::milliseconds stable, Clock::time_point deadline,
                                       const std::stop_token& stop) {
  std::optional<Clock::time_point> since;
  std::vector<std::string> invocations;
  for (;;) {
    const auto states = ORCIO_TRY(ShowUnits(host, UnitNames(parts), stop));
    if (const auto down = FindDown(parts, states, Clock::now() >= deadline))
      return Failure(NotUp(host, parts[*down].unit, states[*down], stop));
    std::vector<std::string> now;
    for (size_t i = 0; i < states.size(); ++i) {
      if (IsUp(parts[i], states[i])) now.push_back(parts[i].activating ? "" : states[i].invocation);
    }
    const bool all_up = now.size() == states.size();
    if (!all_up || now != invocations) since.reset();
    if (!since) since = Clock::now();
    invocations = std::move(now);
    if (all_up && Clock::now() - *since >= stable) {
      NoteAway(host, parts, states);
      return {};
    }
    if (!Pause(patience_.poll, stop)) return Interrupted(host);
  }
}

}  // namespace orcio::inline archiver

#include "archiver/control/container_wait.h"

#include <algorithm>
#include <optional>

#include "archiver/control/start_timing.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStarts = 3;
constexpr const char* kLogLines = "5";
// For docker, which is late with its checks on a busy machine.
constexpr std::chrono::seconds kCheckGrace{10};

// How far one container has come in starting.
class StartProgress {
 public:
  enum class State { kNotYet, kUnchecked, kConfirmed };

  StartProgress(DockerContainer before, Clock::time_point asked, std::chrono::milliseconds stable)
      : before_(std::move(before)), asked_(asked), stable_(stable) {}

  [[nodiscard]] const DockerContainer& before() const { return before_; }

  State Look(const DockerContainer& now, Clock::time_point deadline, Awaited awaited) {
    if (before_.status == "restarting" && now.running()) return State::kConfirmed;
    if (now.status != "running") {
      since_.reset();
      return State::kNotYet;
    }
    if (!since_ || started_at_ != now.started_at || restarts_ != now.restarts) {
      since_ = std::max(asked_, Clock::now() - now.age.value_or(std::chrono::milliseconds(0)));
      if (!first_) first_ = since_;
      started_at_ = now.started_at;
      restarts_ = now.restarts;
    }
    const bool stable = Clock::now() - *since_ >= stable_;
    if (now.health.empty() || before_.health == "unhealthy")
      return stable ? State::kConfirmed : State::kNotYet;
    if (now.health == "healthy") return State::kConfirmed;
    return stable && awaited == Awaited::kRunning && ComesLate(now, deadline) ? State::kUnchecked
                                                                              : State::kNotYet;
  }

  // By when its health check has said whether it is well. Not later for its being started again and
  // again.
  [[nodiscard]] Clock::time_point Verdict(const DockerContainer& now) const {
    return *first_ + now.check->Verdict() + kCheckGrace;
  }

  [[nodiscard]] Clock::time_point Deadline(const DockerContainer& now,
                                           Clock::time_point deadline) const {
    if (!first_ || !now.check || now.health != "starting") return deadline;
    return std::max(deadline, Verdict(now));
  }

  // How long until the next look, at most `poll`: a container that is up for long enough by then
  // counts at once.
  [[nodiscard]] std::chrono::milliseconds NextLook(std::chrono::milliseconds poll) const {
    if (!since_) return poll;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*since_ + stable_ - Clock::now());
    return left.count() > 0 ? std::min(left, poll) : poll;
  }

  // Whether it makes sense to start it once more.
  bool TakeAttempt() { return ++starts_ < kStarts; }

 private:
  // Whether there is no sense in waiting for its health check: it is not due before the deadline,
  // nor was it.
  [[nodiscard]] bool ComesLate(const DockerContainer& now, Clock::time_point deadline) const {
    if (now.health != "starting" || !now.check) return false;
    if (*since_ + now.check->LatestCheck() <= deadline) return false;
    const auto earliest = *since_ + now.check->EarliestCheck();
    return earliest > deadline || Clock::now() > earliest + kCheckGrace;
  }

  DockerContainer before_;
  Clock::time_point asked_;
  std::chrono::milliseconds stable_;
  std::optional<Clock::time_point> first_;  // seen running
  std::optional<Clock::time_point> since_;  // it has run without a restart
  std::string started_at_;
  int64_t restarts_ = 0;
  int starts_ = 0;
};

// Why `now` does not count as up, and what it printed last.
Error Describe(RemoteHost& host, const DockerContainer& now, const std::stop_token& stop) {
  std::string state = now.status;
  if (!now.error.empty() && !now.running()) {
    state = fmt::format("docker cannot start it: {}", Excerpt(now.error, 1));
  } else if (now.status == "exited" || now.status == "dead") {
    state = fmt::format("it exited with {} after its start", now.exit_code);
  } else if (now.status == "running" && !now.health.empty()) {
    state = fmt::format("it runs, but its health check says {}", now.health);
  } else if (now.status == "restarting") {
    state = fmt::format("it keeps restarting, last exit code {}", now.exit_code);
  }
  std::string said = "unknown";
  const auto logs =
      host.Run(ShellCommand({"docker", "logs", "--tail", kLogLines, now.id}) + " 2>&1", {}, stop);
  if (logs) said = Excerpt(logs->out, 5);
  return Error{ErrorKind::kNotRunning, 0,
               fmt::format("{}: container {} is not confirmed running again: {}; its last output: "
                           "{}; look at `docker logs {}` there and start it by hand",
                           host.name(), now.name, state, said, now.name)};
}

Failure Gone(const RemoteHost& host, const DockerContainer& before, bool cure_is_known = false) {
  const std::string place = before.working_directory.empty() ? "the project's directory"
                                                             : Excerpt(before.working_directory, 1);
  return Fail(ErrorKind::kNotRunning, "{}: container {} of service {} was running and is gone{}",
              host.name(), before.name, before.service,
              cure_is_known ? "" : fmt::format(": run `docker compose up -d` in {} there", place));
}

}  // namespace

Result<std::vector<UncheckedContainer>> WaitUntilUp(
    RemoteHost& host, const std::vector<DockerContainer>& containers, const AwaitedTime& time,
    Awaited awaited, const StartTiming& patience, const std::stop_token& stop, bool cure_is_known) {
  std::vector<UncheckedContainer> unchecked;
  std::vector<StartProgress> pending;
  for (const auto& container : containers)
    pending.emplace_back(container, time.asked, patience.stable);
  for (;;) {
    std::vector<std::string> ids;
    for (const auto& start : pending) ids.push_back(start.before().id);
    const auto present = ORCIO_TRY(InspectContainers(host, ids, stop));
    std::vector<StartProgress> left;
    auto pause = patience.poll;
    bool any_down = false;
    for (auto& start : pending) {
      const auto* now = FindContainer(present, start.before().id);
      if (now == nullptr) return Gone(host, start.before(), cure_is_known);
      const auto state = start.Look(*now, time.deadline, awaited);
      if (state == StartProgress::State::kUnchecked)
        unchecked.push_back({*now, start.Verdict(*now)});
      if (state != StartProgress::State::kNotYet) continue;
      const bool down = !now->running();
      if (Clock::now() >= start.Deadline(*now, time.deadline) || (down && !start.TakeAttempt())) {
        return Failure(Describe(host, *now, stop));
      }
      if (down) {
        // Its failure shows in the state that the next round finds.
        (void)ORCIO_TRY(host.Run(ShellCommand({"docker", "start", now->id}), {}, stop));
        any_down = true;
      }
      pause = std::min(pause, start.NextLook(patience.poll));
      left.push_back(std::move(start));
    }
    if (left.empty()) return unchecked;
    pending = std::move(left);
    if (!Pause(any_down ? patience.restart : pause, stop)) {
      return Fail(ErrorKind::kCancelled, "{}: interrupted while containers start", host.name());
    }
  }
}

Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                           const std::vector<UncheckedContainer>& unchecked,
                                           const std::stop_token& stop) {
  std::vector<std::string> ids;
  for (const auto& [container, verdict] : unchecked) ids.push_back(container.id);
  const auto present = ORCIO_TRY(InspectContainers(host, ids, stop));
  std::vector<std::string> warnings;
  for (const auto& [before, verdict] : unchecked) {
    const auto* now = FindContainer(present, before.id);
    if (now == nullptr) return Gone(host, before);
    if (now->status == "running" && now->health == "healthy") continue;
    if (now->status != "running" || now->health != "starting" || now->restarts != before.restarts ||
        Clock::now() >= verdict) {
      return Failure(Describe(host, *now, stop));
    }
    warnings.push_back(fmt::format(
        "container {} runs, but its health check, which docker runs every {} s, has not been due "
        "since its start: whether it is well was not known by the end of the run; look at `docker "
        "ps` there",
        before.name, std::chrono::ceil<std::chrono::seconds>(before.check->interval).count()));
  }
  return warnings;
}

}  // namespace orcio::inline archiver

#include "archiver/control/pause_control.h"

#include <algorithm>
#include <iterator>

#include "archiver/control/compose_control.h"
#include "archiver/control/compose_script.h"
#include "archiver/control/start_levels.h"
#include "archiver/docker/docker_json.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

// For docker, on a machine as busy as one is at night.
constexpr std::chrono::seconds kPauseTime{120};
// runc gives up freezing a container that forks faster than a busy machine freezes it.
constexpr int kMostPauses = 10;

Failure InterruptedPause(const RemoteHost& host) {
  return Fail(ErrorKind::kCancelled, "{}: interrupted while containers are paused", host.name());
}

std::string DockerLine(const std::string& verb, const Containers& containers) {
  std::vector<std::string> words{"docker", verb};
  for (const auto& container : containers) words.push_back(container.id);
  return ShellCommand(words);
}

Containers Paused(const Containers& containers) {
  Containers paused;
  std::copy_if(containers.begin(), containers.end(), std::back_inserter(paused),
               [](const DockerContainer& container) { return container.status == "paused"; });
  return paused;
}

}  // namespace

void PauseControl::SetRunning(const Containers& running) {
  running_.clear();
  for (const auto& level : StartLevels(running))
    running_.insert(running_.end(), level.begin(), level.end());
}

Result<void> PauseControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  const auto state = ORCIO_TRY(InspectProject(host, service_.project, "paused", stop));
  for (const auto& container : state.running) {
    if (container.status != "restarting") continue;
    return Fail(ErrorKind::kRemote,
                "{}: container {} keeps restarting, and docker cannot pause it: look at `docker "
                "logs {}` there, stop it, or archive {} with `mode: stop`",
                host.name(), container.name, container.name, service_.name);
  }
  warnings_ = state.warnings;
  mounts_ = MountsOf(state.all, service_.project);
  NoteLastRuns(state.all, last_runs_);
  SetRunning(state.running);
  if (state.running.empty()) at_rest_.Begin(state.now);
  return {};
}

std::vector<std::string> PauseControl::Running() const {
  auto names = ContainerNames(running_);
  std::reverse(names.begin(), names.end());
  return names;
}

std::string PauseControl::Memory() const {
  return ContainersToJson(running_);
}

Result<void> PauseControl::Recall(const std::string& memory) {
  SetRunning(ORCIO_TRY(ContainersFromJson(memory)));
  // Whether the run that asked for it saw it done is not known.
  in_doubt_ = true;
  return {};
}

std::string PauseControl::StartScript() const {
  return ComposeStartScript(service_, running_, std::nullopt);
}

Result<void> PauseControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  RunOptions options;
  options.timeout = kPauseTime;
  in_doubt_ = true;
  Containers left(running_.rbegin(), running_.rend());
  for (int attempt = 1;; ++attempt) {
    const auto result = ORCIO_TRY(host.Run(DockerLine("pause", left), options, stop));
    const auto look = ORCIO_TRY(LookAtContainers(host, ContainerIds(running_), stop));
    const auto& now = look.containers;
    NoteLastRuns(now, last_runs_);
    for (auto& container : running_) {
      const auto* found = FindContainer(now, container.id);
      if (found != nullptr) container.started_at = found->started_at;
    }
    std::erase_if(left, [&](const DockerContainer& container) {
      const auto* found = FindContainer(now, container.id);
      return found == nullptr || !found->running();
    });
    if (left.empty()) {
      held_ = Paused(now);
      at_rest_.Begin(look.now);
      break;
    }
    if (attempt == kMostPauses) {
      return Fail(ErrorKind::kRemote, "{}: docker does not pause {}: {}", host.name(),
                  Join(ContainerNames(left)), Excerpt(result.err));
    }
    if (!Pause(patience_.poll, stop)) return InterruptedPause(host);
  }
  in_doubt_ = false;
  return {};
}

Result<void> PauseControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  ORCIO_TRY(LookBeforeStart(host, stop));
  return JudgeAfterStart(host, stop);
}

Result<void> PauseControl::LookBeforeStart(RemoteHost& host, const std::stop_token& stop) {
  const auto look = ORCIO_TRY(LookAtProject(host, service_.project, stop));
  at_rest_.End(look.now);
  ORCIO_TRY(CheckNoneStarted(host.name(), service_.name, look.containers, last_runs_));
  for (const auto& container : held_) {
    const auto* found = FindContainer(look.containers, container.id);
    if (found != nullptr && found->status == "paused") continue;
    return Fail(
        ErrorKind::kRemote,
        "{}: container {} did not stay paused while its volumes were read: what was read is "
        "not consistent. Find out what unpauses or stops containers of {} there: a watchdog, "
        "a person",
        host.name(), container.name, service_.name);
  }
  return {};
}

Result<void> PauseControl::JudgeAfterStart(RemoteHost& host, const std::stop_token& stop) {
  if (!at_rest_.known()) return {};
  return CheckNoneWasStarted(host, service_, at_rest_.since(), at_rest_.until(), stop);
}

Result<void> PauseControl::Start(RemoteHost& host, const std::stop_token& stop) {
  const auto now = ORCIO_TRY(Unpause(host, stop));
  in_doubt_ = false;
  if (WentOn(now)) return {};
  starter_ = std::make_unique<ComposeControl>(service_, patience_);
  ORCIO_TRY(starter_->Recall(Memory()));
  return starter_->Start(host, stop);
}

Result<std::vector<std::string>> PauseControl::LookAgain(RemoteHost& host,
                                                         const std::stop_token& stop) {
  if (!starter_) return std::vector<std::string>();
  return starter_->LookAgain(host, stop);
}

// The containers as they are once none of them is paused, nor may be before long.
Result<Containers> PauseControl::Unpause(RemoteHost& host, const std::stop_token& stop) {
  const auto deadline = Clock::now() + service_.start_timeout;
  const auto settled = Clock::now() + (in_doubt_ ? patience_.stable : patience_.stable * 0);
  RunOptions options;
  options.timeout = kPauseTime;
  Containers paused = running_;
  for (;;) {
    CommandResult result;
    if (!paused.empty()) result = ORCIO_TRY(host.Run(DockerLine("unpause", paused), options, stop));
    auto now = ORCIO_TRY(InspectContainers(host, ContainerIds(running_), stop));
    paused = Paused(now);
    if (paused.empty() && Clock::now() >= settled) return now;
    if (!paused.empty() && Clock::now() >= deadline) {
      return Fail(ErrorKind::kNotRunning,
                  "{}: container {} is still paused: {}; run `docker unpause {}` there",
                  host.name(), paused.front().name, Excerpt(result.err), paused.front().name);
    }
    if (!Pause(patience_.poll, stop)) return InterruptedPause(host);
  }
}

// Whether all of them run, without having been started anew. Docker calls a container unhealthy as
// soon as it is paused, and until its next check: that says nothing of it.
bool PauseControl::WentOn(const Containers& now) const {
  return std::all_of(running_.begin(), running_.end(), [&](const DockerContainer& before) {
    const auto* found = FindContainer(now, before.id);
    return found != nullptr && found->status == "running" && found->started_at == before.started_at;
  });
}

}  // namespace orcio::inline archiver

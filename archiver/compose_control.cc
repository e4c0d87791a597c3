#include "archiver/compose_control.h"

#include <algorithm>
#include <utility>

#include "archiver/compose_script.h"
#include "archiver/docker_json.h"
#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"
#include "archiver/start_levels.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;

// Docker's own grace where neither the container nor the configuration has one.
constexpr std::chrono::seconds kDefaultGrace{10};
// For docker and compose themselves, on a machine as busy as one is at night.
constexpr std::chrono::seconds kToolTime{120};
// For what compose runs in the containers before they stop, or after they have started.
constexpr std::chrono::seconds kHookTime{600};

Containers Flat(const std::vector<Containers>& levels) {
  Containers all;
  for (const auto& level : levels) all.insert(all.end(), level.begin(), level.end());
  return all;
}

bool SamePart(const DockerContainer& a, const DockerContainer& b) {
  return a.service == b.service && a.number == b.number && !a.one_off && !b.one_off;
}

}  // namespace

Result<void> ComposeControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  const auto state = ORCIO_TRY(InspectProject(host, service_.project, "stopped", stop));
  warnings_ = state.warnings;
  mounts_ = MountsOf(state.all, service_.project);
  for (const auto& container : state.all) started_at_[container.id] = container.started_at;
  SetRunning(state.running);
  if (state.running.empty()) {
    at_rest_since_ = ORCIO_TRY(HostMoment(host, stop));
    return {};
  }
  if (const auto tool = ORCIO_TRY(DetectComposeTool(host, stop))) {
    compose_ = ORCIO_TRY(
        ComposeCommand::For(host, *tool, service_.project, state.all, state.running, stop));
  }
  return {};
}

void ComposeControl::SetRunning(const Containers& running) {
  levels_ = StartLevels(running);
  for (const auto& container : running) {
    for (const auto& dependency :
         container.depends_on.value_or(std::vector<DockerContainer::Dependency>())) {
      if (dependency.healthy) awaited_healthy_.insert(dependency.service);
    }
  }
}

std::string ComposeControl::Memory() const {
  return ContainersToJson(Flat(levels_));
}

Result<void> ComposeControl::Recall(const std::string& memory) {
  SetRunning(ORCIO_TRY(ContainersFromJson(memory)));
  return {};
}

std::string ComposeControl::StartScript() const {
  return ComposeStartScript(service_, Flat(levels_), StopLimit());
}

void ComposeControl::StopMayGoOn() {
  for (const auto& container : Flat(levels_)) stopping_.insert(container.id);
}

std::vector<std::string> ComposeControl::Running() const {
  auto names = ContainerNames(Flat(levels_));
  std::reverse(names.begin(), names.end());
  return names;
}

// How long stopping may take before the link or docker itself counts as hung.
std::chrono::seconds ComposeControl::StopLimit() const {
  auto limit = kToolTime;
  for (const auto& level : levels_) {
    std::chrono::seconds longest{0};
    for (const auto& container : level) {
      const auto own = container.stop_timeout.value_or(kDefaultGrace);
      longest = std::max(longest, service_.stop_timeout.count() > 0 ? service_.stop_timeout : own);
    }
    limit += longest;
  }
  return limit;
}

Result<void> ComposeControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  if (compose_) {
    for (const auto& container : Flat(levels_)) stopping_.insert(container.id);
    RunOptions options;
    options.timeout = StopLimit() + (compose_->runs_hooks() ? kHookTime : kHookTime * 0);
    (void)ORCIO_TRY(host.Run(compose_->Stop(service_.stop_timeout), options, stop));
  }
  // Whatever compose could not stop, or all of it where there is no compose.
  if (!compose_ || !ORCIO_TRY(AllStopped(host, stop))) {
    ORCIO_TRY(StopByDocker(host, stop));
    if (!ORCIO_TRY(AllStopped(host, stop))) {
      return Fail(ErrorKind::kRemote, "{}: containers of {} run on though docker stopped them: {}",
                  host.name(), service_.name, Join(Running()));
    }
  }
  stopping_.clear();
  at_rest_since_ = ORCIO_TRY(HostMoment(host, stop));
  return {};
}

Result<void> ComposeControl::StopByDocker(RemoteHost& host, const std::stop_token& stop) {
  RunOptions options;
  options.timeout = StopLimit();
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    std::vector<std::string> words{"docker", "stop"};
    if (service_.stop_timeout.count() > 0) {
      words.insert(words.end(), {"-t", std::to_string(service_.stop_timeout.count())});
    }
    for (const auto& id : ContainerIds(*level)) {
      words.push_back(id);
      stopping_.insert(id);
    }
    const auto result = ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
    if (result.exit_status != 0 && result.err.find("No such container") == std::string::npos) {
      return RemoteFailure(host, "docker stop " + Join(ContainerNames(*level), " "), result);
    }
  }
  return {};
}

Result<bool> ComposeControl::AllStopped(RemoteHost& host, const std::stop_token& stop) {
  const auto now = ORCIO_TRY(InspectContainers(host, ContainerIds(Flat(levels_)), stop));
  for (const auto& container : now) started_at_[container.id] = container.started_at;
  return std::none_of(now.begin(), now.end(),
                      [](const DockerContainer& container) { return container.running(); });
}

Result<void> ComposeControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  const auto now = ORCIO_TRY(ListProject(host, service_.project, stop));
  ORCIO_TRY(CheckNoneStarted(host.name(), service_.name, now, started_at_));
  return CheckNoneWasStarted(host, service_, at_rest_since_, stop);
}

// A container that was asked to stop, and had not by the time the link broke, stops a while later:
// starting it before that does nothing.
Result<void> ComposeControl::FinishStop(RemoteHost& host, const std::stop_token& stop) {
  if (stopping_.empty()) return {};
  std::vector<std::string> words{"docker", "stop"};
  if (service_.stop_timeout.count() > 0) {
    words.insert(words.end(), {"-t", std::to_string(service_.stop_timeout.count())});
  }
  words.insert(words.end(), stopping_.begin(), stopping_.end());
  RunOptions options;
  options.timeout = StopLimit();
  (void)ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
  stopping_.clear();
  return {};
}

// The containers as they are now. Some may have been made anew meanwhile, under other ids.
Result<Containers> ComposeControl::FindAgain(RemoteHost& host, const std::stop_token& stop) {
  const auto ids = ContainerIds(Flat(levels_));
  auto present = ORCIO_TRY(InspectContainers(host, ids, stop));
  if (present.size() == ids.size()) return present;
  present = ORCIO_TRY(ListProject(host, service_.project, stop));
  for (auto& level : levels_) {
    for (auto& container : level) {
      if (FindContainer(present, container.id) != nullptr) continue;
      const auto made_anew =
          std::find_if(present.begin(), present.end(),
                       [&](const DockerContainer& other) { return SamePart(container, other); });
      if (made_anew == present.end()) continue;  // WaitUntilUp says that it is gone
      container.id = made_anew->id;
      container.name = made_anew->name;
    }
  }
  return present;
}

Result<void> ComposeControl::Start(RemoteHost& host, const std::stop_token& stop) {
  ORCIO_TRY(FinishStop(host, stop));
  ORCIO_TRY(StartByCompose(host, stop));
  // Compose itself may have waited for one container's health before it started another.
  auto deadline = Clock::now() + service_.start_timeout;
  const auto present = ORCIO_TRY(FindAgain(host, stop));
  ORCIO_TRY(StartByDocker(host, present, deadline, stop));
  unchecked_ =
      ORCIO_TRY(WaitUntilUp(host, Flat(levels_), deadline, Awaited::kRunning, patience_, stop));
  return {};
}

Result<std::vector<std::string>> ComposeControl::LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) {
  return orcio::LookAgain(host, std::exchange(unchecked_, {}), stop);
}

// How long compose may take to start it, which waits for the health of what others depend on.
std::chrono::seconds ComposeControl::StartLimit() const {
  auto limit = service_.start_timeout + kToolTime;
  if (compose_ && compose_->runs_hooks()) limit += kHookTime;
  for (const auto& container : Flat(levels_)) {
    if (awaited_healthy_.count(container.service) == 0 || !container.check) continue;
    limit += std::chrono::ceil<std::chrono::seconds>(container.check->Verdict());
  }
  return limit;
}

// One attempt: what it leaves out, docker starts.
Result<void> ComposeControl::StartByCompose(RemoteHost& host, const std::stop_token& stop) {
  if (!compose_ || !compose_->starts_exactly()) return {};
  RunOptions options;
  options.timeout = StartLimit();
  const std::string command = compose_->Start();
  compose_.reset();
  (void)ORCIO_TRY(host.Run(command, options, stop));
  return {};
}

// `deadline` comes later by what is waited for the health of those that others depend on.
Result<void> ComposeControl::StartByDocker(RemoteHost& host, const Containers& present,
                                           Clock::time_point& deadline,
                                           const std::stop_token& stop) {
  const auto runs = [&](const DockerContainer& container) {
    const auto* now = FindContainer(present, container.id);
    return now != nullptr && now->running();
  };
  const auto all = Flat(levels_);
  if (std::all_of(all.begin(), all.end(), runs)) return {};
  RunOptions options;
  options.timeout = service_.start_timeout + kToolTime;
  for (const auto& level : levels_) {
    std::vector<std::string> words{"docker", "start"};
    Containers awaited;
    for (const auto& container : level) {
      if (!runs(container)) words.push_back(container.id);
      if (awaited_healthy_.count(container.service) != 0) awaited.push_back(container);
    }
    // Its failures show in the containers' states, with more detail.
    if (words.size() > 2) (void)ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
    if (awaited.empty()) continue;
    const auto begun = Clock::now();
    (void)ORCIO_TRY(WaitUntilUp(host, awaited, deadline, Awaited::kHealthy, patience_, stop));
    deadline += Clock::now() - begun;
  }
  return {};
}

}  // namespace orcio

#include "archiver/compose_control.h"

#include <algorithm>

#include "archiver/container_wait.h"
#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;
using Containers = std::vector<DockerContainer>;

// Docker's own grace where neither the container nor the configuration has one.
constexpr std::chrono::seconds kDefaultGrace{10};
// For docker and compose themselves, on a machine as busy as one is at night.
constexpr std::chrono::seconds kToolTime{120};

std::vector<std::string> Ids(const Containers& containers) {
  std::vector<std::string> ids;
  for (const auto& container : containers) ids.push_back(container.id);
  return ids;
}

std::vector<std::string> Names(const Containers& containers) {
  std::vector<std::string> names;
  for (const auto& container : containers) names.push_back(container.name);
  return names;
}

Containers Flat(const std::vector<Containers>& levels) {
  Containers all;
  for (const auto& level : levels) all.insert(all.end(), level.begin(), level.end());
  return all;
}

bool SamePart(const DockerContainer& a, const DockerContainer& b) {
  return a.service == b.service && a.number == b.number && !a.one_off && !b.one_off;
}

Failure UnknownProject(RemoteHost& host, const std::string& project, const std::stop_token& stop) {
  const auto known = ListProjects(host, stop);
  if (!known) return Failure(known.error());
  return Fail(ErrorKind::kNotFound,
              "{}: no container, running or not, belongs to the compose project {} (they are found "
              "by the label com.docker.compose.project); projects there: {}. Set the service's "
              "project: in the configuration",
              host.name(), project, known->empty() ? "none" : Join(*known));
}

Result<void> RefusePaused(const RemoteHost& host, const Containers& containers) {
  for (const auto& container : containers) {
    if (container.status != "paused" || container.one_off) continue;
    return Fail(ErrorKind::kRemote,
                "{}: container {} is paused, which cannot be archived and put back the way it was: "
                "unpause it (`docker unpause {}`) or stop it there",
                host.name(), container.name, container.name);
  }
  return {};
}

// By service: the level at which each starts. Circles, which compose would not make, end at the
// number of services.
std::map<std::string, size_t> LevelsByDependency(const Containers& containers) {
  std::map<std::string, size_t> level;
  for (const auto& container : containers) level[container.service] = 0;
  for (size_t round = 0; round < level.size(); ++round) {
    for (const auto& container : containers) {
      for (const auto& dependency : *container.depends_on) {
        const auto other = level.find(dependency.service);
        if (other == level.end()) continue;
        auto& own = level[container.service];
        own = std::min(std::max(own, other->second + 1), level.size());
      }
    }
  }
  return level;
}

std::map<std::string, size_t> LevelsByCreation(Containers containers) {
  std::sort(containers.begin(), containers.end(),
            [](const auto& a, const auto& b) { return a.created < b.created; });
  std::map<std::string, size_t> level;
  for (const auto& container : containers) level.emplace(container.service, level.size());
  return level;
}

}  // namespace

std::vector<Containers> StartLevels(const Containers& containers) {
  const bool labelled =
      std::all_of(containers.begin(), containers.end(),
                  [](const auto& container) { return container.depends_on.has_value(); });
  const auto level = labelled ? LevelsByDependency(containers) : LevelsByCreation(containers);
  std::map<size_t, Containers> sorted;
  for (const auto& container : containers) {
    sorted[level.at(container.service)].push_back(container);
  }
  std::vector<Containers> levels;
  for (auto& [unused, members] : sorted) {
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    levels.push_back(std::move(members));
  }
  return levels;
}

Result<void> ComposeControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  const auto all = ORCIO_TRY(ListProject(host, service_.project, stop));
  if (all.empty()) return UnknownProject(host, service_.project, stop);
  ORCIO_TRY(RefusePaused(host, all));
  Containers running;
  for (const auto& container : all) {
    if (!container.running()) continue;
    if (container.one_off) {
      warnings_.push_back(fmt::format(
          "container {} (made by `compose run`) was running and was not stopped: what it wrote "
          "meanwhile may be inconsistent",
          container.name));
      continue;
    }
    running.push_back(container);
    for (const auto& dependency :
         container.depends_on.value_or(std::vector<DockerContainer::Dependency>())) {
      if (dependency.healthy) awaited_healthy_.insert(dependency.service);
    }
  }
  levels_ = StartLevels(running);
  if (running.empty()) return {};
  if (const auto tool = ORCIO_TRY(DetectComposeTool(host, stop))) {
    compose_ = ORCIO_TRY(ComposeCommand::For(host, *tool, service_.project, all, running, stop));
  }
  return {};
}

std::vector<std::string> ComposeControl::Running() const {
  auto names = Names(Flat(levels_));
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
    options.timeout = StopLimit();
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
    for (const auto& id : Ids(*level)) {
      words.push_back(id);
      stopping_.insert(id);
    }
    const auto result = ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
    if (result.exit_status != 0 && result.err.find("No such container") == std::string::npos) {
      return RemoteFailure(host, "docker stop " + Join(Names(*level), " "), result);
    }
  }
  return {};
}

Result<bool> ComposeControl::AllStopped(RemoteHost& host, const std::stop_token& stop) {
  const auto now = ORCIO_TRY(InspectContainers(host, Ids(Flat(levels_)), stop));
  return std::none_of(now.begin(), now.end(),
                      [](const DockerContainer& container) { return container.running(); });
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
  const auto ids = Ids(Flat(levels_));
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
  const auto deadline = Clock::now() + service_.start_timeout;
  ORCIO_TRY(FinishStop(host, stop));
  ORCIO_TRY(StartByCompose(host, stop));
  const auto present = ORCIO_TRY(FindAgain(host, stop));
  ORCIO_TRY(StartByDocker(host, present, deadline, stop));
  return WaitUntilUp(host, Flat(levels_), deadline, patience_, stop);
}

// One attempt: what it leaves out, docker starts.
Result<void> ComposeControl::StartByCompose(RemoteHost& host, const std::stop_token& stop) {
  if (!compose_) return {};
  RunOptions options;
  options.timeout = service_.start_timeout + kToolTime;
  const std::string command = compose_->Start();
  compose_.reset();
  (void)ORCIO_TRY(host.Run(command, options, stop));
  return {};
}

Result<void> ComposeControl::StartByDocker(RemoteHost& host, const Containers& present,
                                           Clock::time_point deadline,
                                           const std::stop_token& stop) {
  RunOptions options;
  options.timeout = service_.start_timeout + kToolTime;
  for (const auto& level : levels_) {
    std::vector<std::string> words{"docker", "start"};
    Containers awaited;
    for (const auto& container : level) {
      const auto* now = FindContainer(present, container.id);
      if (now == nullptr || !now->running()) words.push_back(container.id);
      if (awaited_healthy_.count(container.service) != 0) awaited.push_back(container);
    }
    // Its failures show in the containers' states, with more detail.
    if (words.size() > 2) (void)ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
    if (!awaited.empty()) ORCIO_TRY(WaitUntilUp(host, awaited, deadline, patience_, stop));
  }
  return {};
}

}  // namespace orcio

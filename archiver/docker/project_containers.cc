#include "archiver/docker/project_containers.h"

#include <algorithm>
#include <set>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

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

using Dependencies = std::vector<DockerContainer::Dependency>;

// Puts into `found` what `container` depends on and runs; in place of what does not, what that
// depends on. `passed` has the services that were looked at on the way.
void FindDependencies(const DockerContainer& container, const ProjectState& state,
                      std::set<std::string>& passed, Dependencies& found) {
  const auto of = [](const std::string& service) {
    return [&service](const DockerContainer& other) { return other.service == service; };
  };
  for (const auto& dependency : container.depends_on.value_or(Dependencies())) {
    if (std::any_of(state.running.begin(), state.running.end(), of(dependency.service))) {
      found.push_back(dependency);
      continue;
    }
    if (!passed.insert(dependency.service).second) continue;
    for (const auto& other : state.all) {
      if (of(dependency.service)(other) && !other.one_off)
        FindDependencies(other, state, passed, found);
    }
  }
}

// An application that waits for a migration to have ended, and that for the database, waits for the
// database: the migration is not started again.
void SkipEnded(ProjectState& state) {
  for (auto& container : state.running) {
    if (!container.depends_on) continue;
    std::set<std::string> passed;
    Dependencies found;
    FindDependencies(container, state, passed, found);
    container.depends_on = std::move(found);
  }
}

// How far two clocks may drift apart: NTP slews one by up to 500 ppm.
constexpr int kMostDrift = 1000;

// Whether docker's times say that something happened after `before` and not after `until`.
bool HappenedMeanwhile(const std::string& at, const std::string& before, HostTime until) {
  const auto time = ParseDockerTime(at);
  return at != before && time && *time < until;
}

bool WasStarted(const DockerContainer& container, const LastRun* known,
                const std::optional<HostTime>& until) {
  if (!until) {
    return known == nullptr ? container.running() || container.exited_once()
                            : container.started_at != known->started_at;
  }
  const LastRun before = known == nullptr ? LastRun() : *known;
  if (container.started_at == before.started_at) return false;
  // When docker starts a container it keeps the time at which the run before that ended.
  return HappenedMeanwhile(container.started_at, before.started_at, *until) ||
         (known != nullptr && HappenedMeanwhile(container.finished_at, before.finished_at, *until));
}

}  // namespace

std::vector<std::string> ContainerIds(const Containers& containers) {
  std::vector<std::string> ids;
  for (const auto& container : containers) ids.push_back(container.id);
  return ids;
}

std::vector<std::string> ContainerNames(const Containers& containers) {
  std::vector<std::string> names;
  for (const auto& container : containers) names.push_back(container.name);
  return names;
}

std::vector<MountingContainer> MountsOf(const Containers& containers, const std::string& project) {
  std::vector<MountingContainer> mounting;
  for (const auto& container : containers) {
    if (!container.one_off)
      mounting.push_back({container.name, project, container.service, container.mounts});
  }
  return mounting;
}

Result<ProjectState> InspectProject(RemoteHost& host, const std::string& project,
                                    std::string_view done, const std::stop_token& stop) {
  ProjectState state;
  auto look = ORCIO_TRY(LookAtProject(host, project, stop));
  state.all = std::move(look.containers);
  state.now = look.now;
  if (state.all.empty()) return UnknownProject(host, project, stop);
  ORCIO_TRY(RefusePaused(host, state.all));
  for (const auto& container : state.all) {
    if (!container.running()) continue;
    if (container.one_off) {
      state.warnings.push_back(fmt::format(
          "container {} (made by `compose run`) was running and was not {}: what it wrote "
          "meanwhile may be inconsistent",
          container.name, done));
      continue;
    }
    state.running.push_back(container);
  }
  SkipEnded(state);
  return state;
}

void NoteLastRuns(const Containers& containers, LastRuns& runs) {
  for (const auto& container : containers)
    runs[container.id] = {container.started_at, container.finished_at};
}

void RestSpan::Begin(const std::optional<HostNow>& now) {
  begin_ = now;
  begun_ = std::chrono::steady_clock::now();
  end_.reset();
}

void RestSpan::End() {
  if (!begin_ || end_) return;
  const auto passed = std::chrono::steady_clock::now() - begun_;
  end_ = begin_->earliest + passed - passed / kMostDrift;
}

void RestSpan::End(const std::optional<HostNow>& now) {
  if (begin_ && now) end_ = now->earliest;
}

Result<void> CheckNoneStarted(const std::string& host, const std::string& service,
                              const Containers& now, const LastRuns& before,
                              const std::optional<HostTime>& until) {
  for (const auto& container : now) {
    const auto known = before.find(container.id);
    if (!WasStarted(container, known == before.end() ? nullptr : &known->second, until)) continue;
    const auto started = ParseDockerTime(container.started_at);
    // By now it may run because orcio has started it.
    const bool again = until && started && *started >= *until;
    return Fail(ErrorKind::kRemote,
                "{}: container {} was started{} while its volumes were read: what was read is not "
                "consistent. Find out what starts containers of {} there: a timer, a watchdog, a "
                "person",
                host, container.name,
                again ? fmt::format(", and ended at {},", Excerpt(container.finished_at, 1))
                      : fmt::format(" at {},", Excerpt(container.started_at, 1)),
                service);
  }
  return {};
}

// What docker does not remember, or cannot be asked, is no error: the containers that are there
// have been looked at.
Result<void> CheckNoneWasStarted(RemoteHost& host, const ServiceConfig& service, HostTime since,
                                 HostTime until, const std::stop_token& stop) {
  if (until <= since) return {};
  const std::string command = ShellCommand(
      {"docker", "events", "--since", DockerSeconds(since), "--until", DockerSeconds(until),
       "--filter", "type=container", "--filter", "event=start", "--filter", "event=unpause",
       "--filter", "label=com.docker.compose.project=" + service.project, "--format",
       R"({{.Action}} {{index .Actor.Attributes "name"}})"});
  const auto result = ORCIO_TRY(host.Run(command, {}, stop));
  if (result.exit_status != 0) return {};
  for (const auto& line : Lines(result.out)) {
    const auto words = Split(line, ' ');
    if (words.size() != 2 || (words[0] != "start" && words[0] != "unpause")) continue;
    return Fail(
        ErrorKind::kRemote,
        "{}: container {} was {} while its volumes were read, and is gone or at rest again: "
        "what was read is not consistent. Find out what did that to containers of {} there: "
        "`compose run` from cron, a timer, a watchdog, a person",
        host.name(), Excerpt(words[1], 1), words[0] == "start" ? "started" : "unpaused",
        service.name);
  }
  return {};
}

std::optional<double> NotRunningSeconds(const Containers& stopped, const Containers& now) {
  std::optional<HostTime> ended, started;
  for (const auto& container : stopped) {
    const auto* again = FindContainer(now, container.id);
    const auto end = ParseDockerTime(container.finished_at);
    const auto start = again == nullptr ? std::nullopt : ParseDockerTime(again->started_at);
    if (!end || !start || *start < *end) return std::nullopt;
    ended = std::min(ended.value_or(*end), *end);
    started = std::max(started.value_or(*start), *start);
  }
  if (!ended) return std::nullopt;
  return std::chrono::duration<double>(*started - *ended).count();
}

}  // namespace orcio::inline archiver

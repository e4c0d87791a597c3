#include "archiver/project_containers.h"

#include "archiver/remote_text.h"

namespace orcio {
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
  state.all = ORCIO_TRY(ListProject(host, project, stop));
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
  return state;
}

Result<void> CheckNoneStarted(const std::string& host, const std::string& service,
                              const Containers& now, const StartTimes& before) {
  for (const auto& container : now) {
    const auto known = before.find(container.id);
    const bool started = known == before.end() ? container.running() || container.exited_once()
                                               : container.started_at != known->second;
    if (!started) continue;
    return Fail(ErrorKind::kRemote,
                "{}: container {} was started at {}, while its volumes were read: what was read is "
                "not consistent. Find out what starts containers of {} there: a timer, a watchdog, "
                "a person",
                host, container.name, Excerpt(container.started_at, 1), service);
  }
  return {};
}

}  // namespace orcio

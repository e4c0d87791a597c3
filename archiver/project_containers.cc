#include "archiver/project_containers.h"

#include <algorithm>
#include <cctype>

#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"

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

bool AllDigits(std::string_view text) {
  return !text.empty() && text.size() <= 15 && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
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

// busybox's date has whole seconds only: then what happens within this one goes unseen.
Result<std::string> HostMoment(RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run("date +%s.%N", {}, stop));
  const auto lines = Lines(result.out);
  if (lines.empty()) return std::string();
  const std::string& line = lines.back();
  const size_t point = std::min(line.find('.'), line.size());
  const std::string seconds = line.substr(0, point);
  if (!AllDigits(seconds)) return std::string();
  if (AllDigits(std::string_view(line).substr(std::min(point + 1, line.size())))) return line;
  return std::to_string(std::stoll(seconds) + 1);
}

// What docker does not remember, or cannot be asked, is no error: the containers that are there
// have been looked at.
Result<void> CheckNoneWasStarted(RemoteHost& host, const ServiceConfig& service,
                                 const std::string& moment, const std::stop_token& stop) {
  if (moment.empty()) return {};
  const std::string command =
      ShellCommand({"docker", "events", "--since", moment, "--until"}) +
      (moment.find('.') == moment.npos ? " \"$(date +%s)\" " : " \"$(date +%s.%N)\" ") +
      ShellCommand({"--filter", "type=container", "--filter", "event=start", "--filter",
                    "event=unpause", "--filter",
                    "label=com.docker.compose.project=" + service.project, "--format",
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

}  // namespace orcio

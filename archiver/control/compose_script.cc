#include "archiver/control/compose_script.h"

#include <fmt/format.h>

#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

// Starts, or unpauses, one container that is not up, ID SERVICE NUMBER; the one of its service and
// number if it was made anew. It is gone if docker answers, and lists none.
constexpr const char* kStartPart = R"sh(of_part() {
  within 60 docker inspect --type container --format '{{.Id}} {{.State.Status}}' "$1" 2>/dev/null
}
find_part() {
  label=label=com.docker.compose
  found=$(within 60 docker ps --all --quiet --no-trunc --filter "$label.project=$project" \
    --filter "$label.service=$1" --filter "$label.container-number=$2" \
    --filter "$label.oneoff=False" 2>/dev/null) || return 1
  echo "${found%%[!0-9a-f]*}"
}
start_part() {
  part=$(of_part "$1")
  if [ -z "$part" ]; then
    if anew=$(find_part "$2" "$3") && [ -z "$anew" ]; then
      gone="$gone $2-$3"
      return
    fi
    part=$(of_part "$anew")
  fi
  case $part in
    *' running' | *' restarting') ;;
    *' paused')
      up=no
      within 120 docker unpause "${part%% *}" >/dev/null 2>&1
      ;;
    *)
      up=no
      if [ -n "$part" ]; then within 120 docker start "${part%% *}" >/dev/null 2>&1; fi
      ;;
  esac
}
)sh";

}  // namespace

std::string ComposeStartScript(const ServiceConfig& service,
                               const std::vector<DockerContainer>& containers,
                               std::optional<std::chrono::seconds> stop_limit) {
  std::vector<std::string> stop{"docker", "stop"};
  if (service.stop_timeout.count() > 0) {
    stop.insert(stop.end(), {"-t", std::to_string(service.stop_timeout.count())});
  }
  std::string start;
  for (const auto& container : containers) {
    stop.push_back(container.id);
    start +=
        "  start_part " + ShellCommand({container.id, container.service, container.number}) + "\n";
  }
  const std::string finish = stop_limit ? fmt::format("within {} {} >/dev/null 2>&1",
                                                      stop_limit->count(), ShellCommand(stop))
                                        : ":";
  return "project=" + ShellQuote(service.project) + "\n" + kStartPart +
         fmt::format("start_all() {{\n{}}}\nfinish_stop() {{ {}; }}\n", start, finish);
}

}  // namespace orcio::inline archiver

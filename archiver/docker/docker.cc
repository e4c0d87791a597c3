#include "archiver/docker/docker.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

using Json = nlohmann::json;

// JSON, because names and labels may hold anything, separators included. StopTimeout and
// Healthcheck are there only if the container has one, hence index. Of a health check only its
// times: the command may hold a password.
constexpr const char* kInspectFormat =
    R"({"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Image}},)"
    R"("created":{{json .Created}},)"
    R"("state":{{json .State}},"restarts":{{json .RestartCount}},)"
    R"("stop_timeout":{{json (index .Config "StopTimeout")}},)"
    R"("check":{{with index .Config "Healthcheck"}}{"interval":{{json (index . "Interval")}},)"
    R"("timeout":{{json (index . "Timeout")}},"start_period":{{json (index . "StartPeriod")}},)"
    R"("start_interval":{{json (index . "StartInterval")}},"retries":{{json (index . "Retries")}}})"
    R"({{else}}null{{end}},"labels":{{json .Config.Labels}},)"
    R"("mounts":{{json .Mounts}}})";

constexpr const char* kLabel = "com.docker.compose.";

// Docker is asked about what it has just named itself, if it has named anything.
constexpr std::string_view kIdMark = "orcio-container: ";
constexpr const char* kTellIds = R"sh([ -n "$ids" ] || exit 0
printf 'orcio-container: %s\n' $ids
)sh";

// What a host may say of its health checks and be taken at its word.
constexpr std::chrono::nanoseconds kLongestTime = std::chrono::hours(24);
constexpr int64_t kMostRetries = 1000;
// The longest that anybody waits for a health check.
constexpr std::chrono::milliseconds kLongestVerdict = std::chrono::hours(1);
// Docker's start_interval from version 25 on.
constexpr std::chrono::milliseconds kStartInterval = std::chrono::seconds(5);

bool IsContainerId(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Failure Senseless(const RemoteHost& host, std::string_view line) {
  return Fail(ErrorKind::kRemote, "{}: docker's answer makes no sense: {}", host.name(),
              Excerpt(line, 1));
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// "db:service_healthy:false,cache:service_started:true"; older versions of compose leave out what
// follows a colon.
std::vector<DockerContainer::Dependency> ParseDependencies(const std::string& label) {
  std::vector<DockerContainer::Dependency> dependencies;
  for (const auto& item : Split(label, ',')) {
    const auto parts = Split(item, ':');
    if (parts.empty()) continue;
    dependencies.push_back({parts[0], parts.size() > 1 && parts[1] == "service_healthy"});
  }
  return dependencies;
}

void ReadLabels(const Json& labels, DockerContainer& container) {
  const auto label = [&](const char* name) {
    return Text(labels, (std::string(kLabel) + name).c_str());
  };
  container.service = label("service");
  container.number = label("container-number");
  container.one_off = label("oneoff") == "True";
  container.working_directory = label("project.working_dir");
  container.config_files = Split(label("project.config_files"), ',');
  container.environment_files = Split(label("project.environment_file"), ',');
  if (labels.contains(std::string(kLabel) + "depends_on")) {
    container.depends_on = ParseDependencies(label("depends_on"));
  }
}

// Docker's nanoseconds, of which 0 stands for its default.
std::optional<std::chrono::milliseconds> Time(const Json& object, const char* key) {
  const int64_t time = Number(object, key);
  if (time <= 0) return std::nullopt;
  const std::chrono::nanoseconds believed(std::min<int64_t>(time, kLongestTime.count()));
  return std::chrono::ceil<std::chrono::milliseconds>(believed);
}

std::optional<HealthCheck> ParseCheck(const Json& container) {
  const auto found = container.find("check");
  if (found == container.end() || !found->is_object()) return std::nullopt;
  HealthCheck check;
  check.interval = Time(*found, "interval").value_or(check.interval);
  check.timeout = Time(*found, "timeout").value_or(check.timeout);
  check.start_period = Time(*found, "start_period").value_or(check.start_period);
  check.start_interval = Time(*found, "start_interval");
  if (const int64_t retries = Number(*found, "retries"); retries > 0)
    check.retries = std::min(retries, kMostRetries);
  return check;
}

std::optional<DockerContainer> ParseContainer(const std::string& line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("state") || !json["state"].is_object()) return {};
  DockerContainer container;
  container.id = Text(json, "id");
  container.name = Text(json, "name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  container.image = Text(json, "image");
  container.created = Text(json, "created");
  container.restarts = Number(json, "restarts");
  if (const int64_t seconds = Number(json, "stop_timeout"); seconds > 0) {
    container.stop_timeout = std::chrono::seconds(std::min<int64_t>(seconds, 86400));
  }
  const Json& state = json["state"];
  container.status = Text(state, "Status");
  container.exit_code = Number(state, "ExitCode");
  container.error = Text(state, "Error");
  container.started_at = Text(state, "StartedAt");
  container.finished_at = Text(state, "FinishedAt");
  if (const auto health = state.find("Health"); health != state.end() && health->is_object()) {
    container.health = Text(*health, "Status");
    // What Docker calls a container whose health check was switched off.
    if (container.health == "none") container.health.clear();
  }
  container.check = ParseCheck(json);
  if (const auto labels = json.find("labels"); labels != json.end() && labels->is_object()) {
    ReadLabels(*labels, container);
  }
  if (const auto mounts = json.find("mounts"); mounts != json.end())
    container.mounts = ParseDockerMounts(*mounts);
  if (!IsContainerId(container.id) || container.name.empty() || container.status.empty()) return {};
  return container;
}

std::string InspectLine() {
  return ShellCommand({"docker", "inspect", "--type", "container", "--format", kInspectFormat});
}

void SetAge(DockerContainer& container, const std::optional<HostNow>& now) {
  const auto started = ParseDockerTime(container.started_at);
  if (!now || !started || container.status != "running") return;
  container.age = std::max(std::chrono::milliseconds(0),
                           std::chrono::floor<std::chrono::milliseconds>(now->earliest - *started));
}

bool SaysMissing(std::string_view line) {
  return line.find("No such ") != line.npos || line.find("no such ") != line.npos;
}

// A container may go while it is asked about: whether docker has told of every one of `ids` that it
// is gone, or what it is like. What else stands among its complaints does not matter.
bool OnlyMissing(const CommandResult& result, const std::vector<std::string>& ids,
                 const std::vector<DockerContainer>& found) {
  const auto said = Lines(result.err);
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return FindContainer(found, id) != nullptr ||
           std::any_of(said.begin(), said.end(), [&](const std::string& line) {
             return SaysMissing(line) && line.find(id) != line.npos;
           });
  });
}

// The last line of `err` that has all of `parts`; empty if there is none.
std::string LineWith(std::string_view err, std::initializer_list<std::string_view> parts) {
  std::string found;
  for (auto& line : Lines(err)) {
    const bool all = std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
      return line.find(part) != std::string::npos;
    });
    if (all) found = std::move(line);
  }
  return found;
}

// What podman, which can stand in docker's place, says of itself or of docker's templates: its
// containers have other fields. Docker takes a field that it does not know from its daemon's
// answer.
std::string WordsOfPodman(const CommandResult& result) {
  for (const auto* part :
       {"can't index item of type", "can't evaluate field", "is not a function"}) {
    if (auto said = LineWith(result.err, {"template:", part}); !said.empty()) return said;
  }
  return LineWith(result.err, {"Docker CLI using podman"});
}

}  // namespace

std::chrono::milliseconds HealthCheck::EarliestCheck() const {
  return start_period.count() == 0 ? interval
                                   : std::min(interval, start_interval.value_or(kStartInterval));
}

std::chrono::milliseconds HealthCheck::LatestCheck() const {
  return start_period.count() == 0 ? interval
                                   : std::min(interval, start_interval.value_or(interval));
}

std::chrono::milliseconds HealthCheck::Verdict() const {
  return std::min(start_period + retries * (interval + timeout), kLongestVerdict);
}

Failure DockerFailure(const RemoteHost& host, const std::string& what,
                      const CommandResult& result) {
  if (!result.begun) return RemoteFailure(host, what, result);
  if (result.exit_status == 127 || !LineWith(result.err, {"docker: command not found"}).empty()) {
    return Fail(ErrorKind::kRemote,
                "{}: there is no docker in the PATH of the user that runs it, nor where NAS "
                "systems, snaps and macOS have it: install docker there, name the program by the "
                "host's docker:, or set the service's control to systemd, commands or none",
                host.name());
  }
  if (const auto said = WordsOfPodman(result); !said.empty()) {
    return Fail(ErrorKind::kRemote,
                "{}: what answers to `docker` there is podman, whose containers orcio cannot stop "
                "and start itself ({}): have systemd run them (podman-systemd.unit(5)), and set "
                "the service's control to systemd with their `units:`; or set it to commands, "
                "with a `stop:` and a `start:` such as those of podman-compose",
                host.name(), Excerpt(said, 1));
  }
  if (const auto said = LineWith(result.err, {"permission denied", "connect"}); !said.empty()) {
    return Fail(ErrorKind::kRemote,
                "{}: docker refuses the login user ({}): add the user to the group docker there, "
                "or set sudo: true for the host",
                host.name(), Excerpt(said, 1));
  }
  auto silent = LineWith(result.err, {"Cannot connect to the Docker daemon"});
  if (silent.empty()) silent = LineWith(result.err, {"failed to connect to the docker API"});
  if (!silent.empty()) {
    return Fail(ErrorKind::kRemote,
                "{}: docker's daemon does not run there ({}): start it; where it is a rootless "
                "one, which has a socket of its own, see that it runs (`loginctl enable-linger "
                "USER`), and name its socket by the host's docker_socket:, such as "
                "/run/user/1000/docker.sock",
                host.name(), Excerpt(silent, 1));
  }
  return RemoteFailure(host, what, result);
}

std::string LookCommand(const std::vector<std::string>& ids) {
  return TellHostNow() + InspectLine() + " " + ShellCommand(ids) + "\n";
}

Result<DockerLook> ReadLook(const RemoteHost& host, const CommandResult& result,
                            const std::vector<std::string>& ids) {
  if (result.out_truncated) return Senseless(host, "too long");
  DockerLook look;
  for (const auto& line : Lines(result.out)) {
    if (line.starts_with(kHostNowMark)) {
      look.now = ParseHostNow(std::string_view(line).substr(kHostNowMark.size()));
      if (!look.begun) look.begun = look.now;
    }
    if (line.empty() || line.starts_with("orcio-")) continue;
    auto container = ParseContainer(line);
    if (!container && result.exit_status != 0) break;
    if (!container) return Senseless(host, line);
    look.containers.push_back(std::move(*container));
  }
  if (result.exit_status != 0 && (ids.empty() || !OnlyMissing(result, ids, look.containers)))
    return DockerFailure(host, "docker inspect", result);
  for (auto& container : look.containers) SetAge(container, look.now);
  return look;
}

Result<DockerLook> LookAtContainers(RemoteHost& host, const std::vector<std::string>& ids,
                                    const std::stop_token& stop) {
  if (ids.empty()) return DockerLook();
  return ReadLook(host, ORCIO_TRY(host.Run(LookCommand(ids), {}, stop)), ids);
}

Result<std::vector<DockerContainer>> InspectContainers(RemoteHost& host,
                                                       const std::vector<std::string>& ids,
                                                       const std::stop_token& stop) {
  return ORCIO_TRY(LookAtContainers(host, ids, stop)).containers;
}

Result<DockerLook> LookAtProject(RemoteHost& host, const std::string& project,
                                 const std::stop_token& stop) {
  const std::string list =
      ShellCommand({"docker", "ps", "--all", "--quiet", "--no-trunc", "--filter",
                    std::string("label=") + kLabel + "project=" + project});
  const auto result = ORCIO_TRY(host.Run(
      "ids=$(" + list + ") || exit\n" + kTellIds + TellHostNow() + InspectLine() + " $ids\n", {},
      stop));
  std::vector<std::string> ids;
  for (const auto& line : Lines(result.out)) {
    if (!line.starts_with(kIdMark)) continue;
    ids.push_back(line.substr(kIdMark.size()));
    if (!IsContainerId(ids.back())) return Senseless(host, ids.back());
  }
  return ReadLook(host, result, ids);
}

Result<std::vector<DockerContainer>> ListProject(RemoteHost& host, const std::string& project,
                                                 const std::stop_token& stop) {
  return ORCIO_TRY(LookAtProject(host, project, stop)).containers;
}

Result<std::vector<std::string>> ListProjects(RemoteHost& host, const std::stop_token& stop) {
  const std::string format = std::string("{{.Label \"") + kLabel + "project\"}}";
  const auto result =
      ORCIO_TRY(host.Run(ShellCommand({"docker", "ps", "--all", "--format", format}), {}, stop));
  if (result.exit_status != 0) return DockerFailure(host, "docker ps", result);
  std::set<std::string> names;
  for (const auto& line : Lines(result.out)) {
    if (!line.empty()) names.insert(Excerpt(line, 1));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

const DockerContainer* FindContainer(const std::vector<DockerContainer>& containers,
                                     const std::string& id) {
  const auto found = std::find_if(containers.begin(), containers.end(),
                                  [&](const DockerContainer& other) { return other.id == id; });
  return found == containers.end() ? nullptr : &*found;
}

}  // namespace orcio::inline archiver

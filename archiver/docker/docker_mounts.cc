#include "archiver/docker/docker_mounts.h"

#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

#include "archiver/docker/docker.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// Not all labels, nor the environment: they hold passwords.
constexpr const char* kMountsFormat =
    R"({"id":{{json .Id}},"name":{{json .Name}},"started":{{json .State.StartedAt}},)"
    R"("project":{{json (index .Config.Labels "com.docker.compose.project")}},)"
    R"("service":{{json (index .Config.Labels "com.docker.compose.service")}},)"
    R"("mounts":{{json .Mounts}}})";

constexpr std::chrono::seconds kMountsPatience{30};
constexpr size_t kMostMountsText = size_t{4} << 20;

std::string TextOf(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<MountingContainer> ParseMounting(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  MountingContainer container;
  container.name = TextOf(json, "name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  if (container.name.empty()) return {};
  container.project = TextOf(json, "project");
  container.service = TextOf(json, "service");
  container.id = TextOf(json, "id");
  container.started_at = TextOf(json, "started");
  if (const auto mounts = json.find("mounts"); mounts != json.end())
    container.mounts = ParseDockerMounts(*mounts);
  return container;
}

Failure NoSense(const RemoteHost& host, std::string_view said) {
  return Fail(ErrorKind::kRemote, "{}: docker's answer makes no sense: {}", host.name(),
              Excerpt(said, 1));
}

}  // namespace

Result<std::vector<MountingContainer>> ListMounts(RemoteHost& host, const std::stop_token& stop) {
  const std::string list = ShellCommand({"docker", "ps", "--quiet", "--no-trunc"});
  const std::string inspect =
      ShellCommand({"docker", "inspect", "--type", "container", "--format", kMountsFormat});
  RunOptions options;
  options.timeout = kMountsPatience;
  options.max_output = kMostMountsText;
  options.only_reads = true;
  const auto result = ORCIO_TRY(
      host.Run("ids=$(" + list + ") || exit\n[ -n \"$ids\" ] || exit 0\n" + inspect + " $ids\n",
               options, stop));
  // One that has gone meanwhile makes its exit status 1.
  if (result.out.empty() && result.exit_status != 0)
    return DockerFailure(host, "docker ps", result);
  std::vector<MountingContainer> containers;
  for (const auto& line : Lines(result.out)) {
    if (line.empty()) continue;
    auto container = ParseMounting(line);
    if (!container || result.out_truncated) return NoSense(host, line);
    containers.push_back(std::move(*container));
  }
  return containers;
}

}  // namespace orcio::inline archiver

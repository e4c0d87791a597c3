#include "archiver/docker/docker_mounts.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "archiver/docker/docker.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr const char* kMountsFormat =
    R"({"name":{{json .Name}},"labels":{{json .Config.Labels}},"mounts":{{json .Mounts}}})";

// So many ids, of 64 digits each, make a command of half the length that sudo may take.
constexpr size_t kMostIds = 400;

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
  if (const auto labels = json.find("labels"); labels != json.end()) {
    container.project = TextOf(*labels, "com.docker.compose.project");
    container.service = TextOf(*labels, "com.docker.compose.service");
  }
  if (const auto mounts = json.find("mounts"); mounts != json.end())
    container.mounts = ParseDockerMounts(*mounts);
  return container;
}

Failure NoSense(const RemoteHost& host, std::string_view said) {
  return Fail(ErrorKind::kRemote, "{}: docker's answer makes no sense: {}", host.name(),
              Excerpt(said, 1));
}

bool IsId(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Result<std::vector<MountingContainer>> ListMounts(RemoteHost& host, const std::stop_token& stop) {
  const auto listed =
      ORCIO_TRY(host.Run(ShellCommand({"docker", "ps", "--quiet", "--no-trunc"}), {}, stop));
  if (listed.exit_status != 0) return DockerFailure(host, "docker ps", listed);
  const auto ids = Lines(listed.out);
  if (listed.out_truncated || !std::all_of(ids.begin(), ids.end(), IsId))
    return NoSense(host, listed.out);
  std::vector<MountingContainer> containers;
  for (size_t first = 0; first < ids.size(); first += kMostIds) {
    std::vector<std::string> words{"docker",    "inspect",  "--type",
                                   "container", "--format", kMountsFormat};
    for (size_t i = first; i < std::min(ids.size(), first + kMostIds); ++i) words.push_back(ids[i]);
    // One that has gone meanwhile makes its exit status 1.
    const auto result = ORCIO_TRY(host.Run(ShellCommand(words), {}, stop));
    if (result.out.empty() && result.exit_status != 0)
      return DockerFailure(host, "docker inspect", result);
    for (const auto& line : Lines(result.out)) {
      if (line.empty()) continue;
      auto container = ParseMounting(line);
      if (!container || result.out_truncated) return NoSense(host, line);
      containers.push_back(std::move(*container));
    }
  }
  return containers;
}

}  // namespace orcio::inline archiver

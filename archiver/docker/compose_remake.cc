#include "archiver/docker/compose_remake.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>

#include "archiver/docker/compose_files.h"
#include "archiver/docker/compose_tool.h"
#include "archiver/host/remote_text.h"

namespace orcio::inline archiver {
namespace {

// An image may be gone as well, and have to be fetched.
constexpr std::chrono::seconds kMakeTime{600};

std::ptrdiff_t CountOf(const Containers& containers, const std::string& service) {
  return std::count_if(containers.begin(), containers.end(), [&](const DockerContainer& container) {
    return container.service == service && !container.one_off;
  });
}

// What compose is told behind the names of the files.
std::vector<std::string> UpWords(const std::set<std::string>& services, const Containers& missing,
                                 const Containers& present) {
  std::vector<std::string> words{"up", "--no-start", "--no-build", "--no-deps", "--no-recreate"};
  for (const auto& service : services) {
    // Else compose removes what is more than the files have.
    words.emplace_back("--scale");
    words.push_back(service + "=" +
                    std::to_string(CountOf(missing, service) + CountOf(present, service)));
  }
  words.insert(words.end(), services.begin(), services.end());
  return words;
}

}  // namespace

Result<void> RemakeContainers(RemoteHost& host, const std::string& project,
                              const std::vector<DockerContainer>& missing,
                              const std::vector<DockerContainer>& present,
                              const std::stop_token& stop) {
  const auto services = ServicesOf(missing);
  const auto options = ProjectOptions(missing);
  if (options.empty() || !AllPlainNames(services)) {
    return Fail(ErrorKind::kRemote, "{}: compose has not noted on them which files it made them of",
                host.name());
  }
  const auto tool = ORCIO_TRY(DetectComposeTool(host, stop));
  if (!tool) return Fail(ErrorKind::kRemote, "{}: there is no compose", host.name());
  std::optional<Failure> failed;
  for (const auto& files : options) {
    auto words = tool->program;
    words.insert(words.end(), {"--project-name", project});
    // Version 1 has profiles from 1.28 on, and takes those of services that it is told by name.
    if (tool->major >= 2) words.insert(words.end(), {"--profile", "*"});
    words.insert(words.end(), files.begin(), files.end());
    const auto up = UpWords(services, missing, present);
    words.insert(words.end(), up.begin(), up.end());
    RunOptions limit;
    limit.timeout = kMakeTime;
    const auto result = ORCIO_TRY(host.Run(ComposeLine(words), limit, stop));
    if (result.exit_status == 0) return {};
    if (!failed) failed = RemoteFailure(host, "docker compose up", result);
  }
  return *failed;
}

}  // namespace orcio::inline archiver

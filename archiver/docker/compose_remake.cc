#include "archiver/docker/compose_remake.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>

#include "archiver/docker/compose_files.h"
#include "archiver/docker/compose_tool.h"
#include "archiver/host/remote_text.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

std::ptrdiff_t CountOf(const Containers& containers, const std::string& service) {
  return std::count_if(containers.begin(), containers.end(), [&](const DockerContainer& container) {
    return container.service == service && !container.one_off;
  });
}

// What compose is told after the names of the files. An image that is gone is not fetched, if
// compose can be told so: that may take hours, and bring another one.
std::vector<std::string> UpWords(bool tells_pull, const std::set<std::string>& services,
                                 const Containers& missing, const Containers& present) {
  std::vector<std::string> words{"up", "--no-start", "--no-build", "--no-deps", "--no-recreate"};
  if (tells_pull) words.insert(words.end(), {"--pull", "never"});
  for (const auto& service : services) {
    // Else compose removes what is more than the files have.
    words.emplace_back("--scale");
    words.push_back(service + "=" +
                    std::to_string(CountOf(missing, service) + CountOf(present, service)));
  }
  words.insert(words.end(), services.begin(), services.end());
  return words;
}

// What is told to stop all this once it has taken for longer than it may.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds limit) : limit_(limit), end_(Clock::now() + limit) {}
  [[nodiscard]] RunOptions Options() const {
    RunOptions options;
    const auto left = std::chrono::ceil<std::chrono::seconds>(end_ - Clock::now());
    options.timeout = std::max(left, std::chrono::seconds(1));
    return options;
  }
  [[nodiscard]] bool over() const { return Clock::now() >= end_; }
  // An error of the link, as far as that is what it is.
  [[nodiscard]] Failure Judged(const RemoteHost& host, Error error) const {
    if (error.kind != ErrorKind::kNetwork || !over()) return Failure(std::move(error));
    return Fail(ErrorKind::kRemote,
                "{}: docker compose up did not end within {} s; it may be fetching an image",
                host.name(), limit_.count());
  }

 private:
  const std::chrono::seconds limit_;
  const Clock::time_point end_;
};

// By `program`, words that end before what it is to do. An older version 2 does not know of --pull.
Result<CommandResult> Up(RemoteHost& host, const std::vector<std::string>& program, int major,
                         const std::set<std::string>& services, const Containers& missing,
                         const Containers& present, const Deadline& deadline,
                         const std::stop_token& stop) {
  const auto run = [&](bool tells_pull) {
    auto words = program;
    const auto up = UpWords(tells_pull, services, missing, present);
    words.insert(words.end(), up.begin(), up.end());
    return host.Run(ComposeLine(words), deadline.Options(), stop);
  };
  auto result = run(major >= 2);
  if (!result || result->exit_status == 0 || major < 2) return result;
  return result->err.find("unknown flag: --pull") == std::string::npos ? result : run(false);
}

// Whether it is for want of an image that compose failed: docker says so, or a version 1 that would
// have to build it, or a compose that fetches it and has come to make nothing after that.
bool LacksImage(std::string_view said) {
  constexpr auto kNone = std::string_view::npos;
  if (said.find("o such image") != kNone || said.find("needs to be built") != kNone) return true;
  const size_t fetching = said.rfind("Pulling");
  return fetching != kNone && said.find("Creating", fetching) == kNone;
}

// Compose does not say of whom the image is, only what it is called. `program` has the files of the
// project: without them compose might fetch for another one.
Failure ImageIsGone(const RemoteHost& host, std::vector<std::string> program,
                    const Containers& missing, const Error& error) {
  std::vector<std::string> had;
  for (const auto& container : missing) {
    had.push_back(fmt::format("container {} of service {} was made of {}", container.name,
                              container.service,
                              container.image.empty() ? "one unknown" : container.image));
  }
  program.emplace_back("pull");
  const auto services = ServicesOf(missing);
  program.insert(program.end(), services.begin(), services.end());
  return Fail(ErrorKind::kNotFound,
              "{}; {} image is gone from {}, too, as by `docker system prune --all`: {}. Run `{}` "
              "there (`build` in place of `pull` if it was built there), then `orcio recover`, "
              "which makes anew and starts what is gone. If the name stands for another image by "
              "now, see before that whether the data fits it",
              error.message, missing.size() == 1 ? "its" : "an", host.name(), Join(had, "; "),
              SafeText(ComposeLine(program)));
}

}  // namespace

Result<void> RemakeContainers(RemoteHost& host, const std::string& project,
                              const std::vector<DockerContainer>& missing,
                              const std::vector<DockerContainer>& present,
                              std::chrono::seconds limit, const std::stop_token& stop) {
  const Deadline deadline(limit);
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
    auto result = Up(host, words, tool->major, services, missing, present, deadline, stop);
    if (!result) return deadline.Judged(host, std::move(result).error());
    if (result->exit_status == 0) return {};
    auto failure = RemoteFailure(host, "docker compose up", *result);
    if (LacksImage(result->err)) {
      failed = ImageIsGone(host, words, missing, failure.value());
    } else if (!failed) {
      failed = std::move(failure);
    }
    if (deadline.over()) break;
  }
  return *failed;
}

}  // namespace orcio::inline archiver

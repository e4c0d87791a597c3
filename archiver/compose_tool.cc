#include "archiver/compose_tool.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"

namespace orcio {
namespace {

// Prints which one answers, and what it says of its version.
constexpr const char* kDetectCompose =
    "if v=$(docker compose version 2>/dev/null); then printf 'plugin\\n%s\\n' \"$v\"; "
    "elif v=$(docker-compose version 2>/dev/null); then printf 'program\\n%s\\n' \"$v\"; "
    "else echo none; fi";

// "docker-compose version 1.29.2, build unknown", "Docker Compose version v2.20.2", "... 5.0.0".
std::optional<int> MajorVersion(const std::string& line) {
  const size_t word = line.find("version ");
  if (word == std::string::npos) return std::nullopt;
  size_t at = word + std::string("version ").size();
  if (at < line.size() && line[at] == 'v') ++at;
  int major = 0;
  const size_t digits = at;
  while (at < line.size() && at < digits + 4 &&
         std::isdigit(static_cast<unsigned char>(line[at]))) {
    major = major * 10 + (line[at++] - '0');
  }
  return at == digits ? std::nullopt : std::optional(major);
}

std::set<std::string> ServicesOf(const std::vector<DockerContainer>& containers) {
  std::set<std::string> services;
  for (const auto& container : containers) services.insert(container.service);
  return services;
}

// A name that compose could take for an option is left to docker.
bool IsPlainName(const std::string& service) {
  return !service.empty() && service[0] != '-';
}

bool Touches(int major, const std::set<std::string>& services, const DockerContainer& container) {
  if (container.one_off) return false;
  return major >= 2 || services.count(container.service) != 0;
}

// Whether stopping or starting the services of `wanted` by name means just these containers.
bool IsExact(int major, const std::vector<DockerContainer>& all,
             const std::vector<DockerContainer>& wanted) {
  const auto services = ServicesOf(wanted);
  if (!std::all_of(services.begin(), services.end(), IsPlainName)) return false;
  return std::all_of(all.begin(), all.end(), [&](const DockerContainer& container) {
    return !Touches(major, services, container) ||
           std::any_of(wanted.begin(), wanted.end(),
                       [&](const DockerContainer& other) { return other.id == container.id; });
  });
}

// The options by which version 1 finds the project, from the labels it left on its containers.
std::vector<std::string> ProjectFiles(const DockerContainer& container) {
  std::vector<std::string> options;
  if (!container.working_directory.starts_with('/') || container.config_files.empty()) return {};
  options = {"--project-directory", container.working_directory};
  for (const auto& file : container.config_files) {
    options.emplace_back("--file");
    options.push_back(file.starts_with('/') ? file : container.working_directory + "/" + file);
  }
  return options;
}

}  // namespace

Result<std::optional<ComposeTool>> DetectComposeTool(RemoteHost& host,
                                                     const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(kDetectCompose, {}, stop));
  const auto lines = Lines(result.out);
  if (result.exit_status != 0 || lines.size() < 2) return std::optional<ComposeTool>();
  const auto major = MajorVersion(lines[1]);
  if (!major) return std::optional<ComposeTool>();
  ComposeTool tool{{"docker-compose"}, *major};
  if (lines[0] == "plugin") tool.program = {"docker", "compose"};
  return std::optional(tool);
}

Result<std::optional<ComposeCommand>> ComposeCommand::For(
    RemoteHost& host, const ComposeTool& tool, const std::string& project,
    const std::vector<DockerContainer>& all, const std::vector<DockerContainer>& wanted,
    const std::stop_token& stop) {
  std::optional<ComposeCommand> none;
  if (wanted.empty() || !IsExact(tool.major, all, wanted)) return none;
  std::vector<std::string> words = tool.program;
  words.insert(words.end(), {"--project-name", project});
  const auto services = ServicesOf(wanted);
  ComposeCommand command(words, {services.begin(), services.end()});
  if (tool.major >= 2) return std::optional(command);

  const auto files = ProjectFiles(wanted.front());
  if (files.empty()) return none;
  command.words_.insert(command.words_.end(), files.begin(), files.end());
  // The files may have moved, or changed since the containers were made.
  const auto result = ORCIO_TRY(host.Run(command.Line({"config", "--services"}), {}, stop));
  const auto known = Lines(result.out);
  const bool usable = result.exit_status == 0 &&
                      std::all_of(services.begin(), services.end(), [&](const std::string& name) {
                        return std::find(known.begin(), known.end(), name) != known.end();
                      });
  return usable ? std::optional(command) : none;
}

std::string ComposeCommand::Line(std::vector<std::string> arguments) const {
  std::vector<std::string> words = words_;
  words.insert(words.end(), arguments.begin(), arguments.end());
  // Away from the home directory, whose own compose file or .env compose would read.
  return "cd / && " + ShellCommand(words);
}

std::string ComposeCommand::Stop(std::chrono::seconds stop_timeout) const {
  std::vector<std::string> arguments{"stop"};
  if (stop_timeout.count() > 0) {
    arguments.insert(arguments.end(), {"--timeout", std::to_string(stop_timeout.count())});
  }
  arguments.insert(arguments.end(), services_.begin(), services_.end());
  return Line(std::move(arguments));
}

std::string ComposeCommand::Start() const {
  std::vector<std::string> arguments{"start"};
  arguments.insert(arguments.end(), services_.begin(), services_.end());
  return Line(std::move(arguments));
}

}  // namespace orcio

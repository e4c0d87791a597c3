#include "archiver/compose_tool.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"

namespace orcio {
namespace {

// More names than that are read as they stand, and more ways to read them are not tried: each costs
// a call.
constexpr size_t kMostPieces = 4;
constexpr size_t kMostReadings = 8;

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

bool AllPlainNames(const std::set<std::string>& services) {
  return std::all_of(services.begin(), services.end(), IsPlainName);
}

bool Touches(int major, const std::set<std::string>& services, const DockerContainer& container) {
  if (container.one_off) return false;
  return major >= 2 || services.count(container.service) != 0;
}

// Whether stopping or starting the services of `wanted` by name means just these containers.
bool IsExact(int major, const std::vector<DockerContainer>& all,
             const std::vector<DockerContainer>& wanted) {
  const auto services = ServicesOf(wanted);
  if (!AllPlainNames(services)) return false;
  return std::all_of(all.begin(), all.end(), [&](const DockerContainer& container) {
    return !Touches(major, services, container) ||
           std::any_of(wanted.begin(), wanted.end(),
                       [&](const DockerContainer& other) { return other.id == container.id; });
  });
}

using Words = std::vector<std::string>;

// The ways to read a label that lists names with commas between them, of which a name may have some
// of its own: first the one where none has.
std::vector<Words> Readings(const Words& pieces) {
  if (pieces.empty()) return {Words()};
  if (pieces.size() > kMostPieces) return {pieces};
  std::vector<Words> readings;
  for (unsigned joined = 0; joined < 1U << (pieces.size() - 1); ++joined) {
    Words names{pieces[0]};
    for (size_t i = 1; i < pieces.size(); ++i) {
      if ((joined >> (i - 1) & 1U) != 0) {
        names.back() += "," + pieces[i];
      } else {
        names.push_back(pieces[i]);
      }
    }
    readings.push_back(std::move(names));
  }
  return readings;
}

// The options by which compose finds the project as it was when it made the container, from the
// labels it left there; one for each way to read them.
std::vector<Words> ProjectOptions(const DockerContainer& container) {
  const std::string& directory = container.working_directory;
  std::vector<Words> all;
  if (!directory.starts_with('/') || container.config_files.empty()) return all;
  const auto add = [&](Words& options, const char* option, const Words& files) {
    for (const auto& file : files) {
      options.emplace_back(option);
      options.push_back(file.starts_with('/') ? file : directory + "/" + file);
    }
  };
  for (const auto& environment : Readings(container.environment_files)) {
    for (const auto& files : Readings(container.config_files)) {
      Words options{"--project-directory", directory};
      add(options, "--file", files);
      add(options, "--env-file", environment);
      all.push_back(std::move(options));
    }
  }
  return all;
}

// Those of all the containers, each once: not all of a project need have been made from the same
// files.
std::vector<Words> ProjectOptions(const std::vector<DockerContainer>& containers) {
  std::vector<Words> all;
  for (const auto& container : containers) {
    for (auto& options : ProjectOptions(container)) {
      if (std::find(all.begin(), all.end(), options) == all.end())
        all.push_back(std::move(options));
    }
  }
  if (all.size() > kMostReadings) all.resize(kMostReadings);
  return all;
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
  const std::optional<ComposeCommand> none;
  const auto services = ServicesOf(wanted);
  const bool exact = IsExact(tool.major, all, wanted);
  if (wanted.empty() || !AllPlainNames(services) || (tool.major < 2 && !exact)) return none;
  std::vector<std::string> words = tool.program;
  words.insert(words.end(), {"--project-name", project});
  const ComposeCommand by_labels(words, {services.begin(), services.end()});
  for (const auto& options : ProjectOptions(wanted)) {
    ComposeCommand command = by_labels;
    command.words_.insert(command.words_.end(), options.begin(), options.end());
    command.runs_hooks_ = tool.major >= 2;
    command.starts_exactly_ = exact;
    if (ORCIO_TRY(command.KnowsServices(host, stop))) return std::optional(command);
  }
  return tool.major >= 2 && exact ? std::optional(by_labels) : none;
}

// The files may have moved, or changed since the containers were made.
Result<bool> ComposeCommand::KnowsServices(RemoteHost& host, const std::stop_token& stop) const {
  const auto result = ORCIO_TRY(host.Run(Line({"config", "--services"}), {}, stop));
  const auto known = Lines(result.out);
  return result.exit_status == 0 &&
         std::all_of(services_.begin(), services_.end(), [&](const std::string& name) {
           return std::find(known.begin(), known.end(), name) != known.end();
         });
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

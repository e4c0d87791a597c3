#include "archiver/docker/compose_tool.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "archiver/docker/compose_files.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// Prints which one answers, and what it says of its version.
constexpr const char* kDetectCompose =
    "if v=$(docker compose version 2>/dev/null); then printf 'plugin\\n%s\\n' \"$v\"; "
    "elif v=$(docker-compose version 2>/dev/null); then printf 'program\\n%s\\n' \"$v\"; "
    "else echo none; fi";

// Which of the files "$@" have hooks, or mention files that may. A hook is a key, on a line of its
// own or between braces; a script is called post_start.sh without being one. Anything after a #
// counts for nothing.
constexpr const char* kLookForHooks =
    R"sh(hook="[\"']?(pre_stop|post_start)[\"']?[[:space:]]*:"
if grep -q -s -E "^([[:space:]]*|[^#]*[{,][[:space:]]*)$hook" -- "$@"; then
  echo 'orcio-hooks: own'
elif grep -q -s -E '^[^#]*(include|extends)' -- "$@"; then
  echo 'orcio-hooks: others'
fi
)sh";

// After a `compose config`, which prints passwords too.
constexpr const char* kFindHooks = R"sh( | grep -E -o '^ +(pre_stop|post_start):'
)sh";

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

// Whether starting the services of `wanted`, and with them what they depend on, means just these
// containers.
bool IsExact(const std::vector<DockerContainer>& all, const std::vector<DockerContainer>& wanted) {
  return std::all_of(all.begin(), all.end(), [&](const DockerContainer& container) {
    return container.one_off || FindContainer(wanted, container.id) != nullptr;
  });
}

using Words = std::vector<std::string>;

// All the files that there may be.
Words FilesIn(const std::vector<Words>& options) {
  std::set<std::string> files;
  for (const auto& words : options) {
    for (size_t i = 0; i + 1 < words.size(); i += 2) {
      if (words[i] == "--file") files.insert(words[i + 1]);
    }
  }
  return {files.begin(), files.end()};
}

// What a project's files say of hooks.
enum class Mention {
  kNone,
  kOthers,  // there are other files that may say something
  kOwn,
};

Result<Mention> MentionOfHooks(RemoteHost& host, const Words& files, const std::stop_token& stop) {
  const auto result =
      ORCIO_TRY(host.Run("set -- " + ShellCommand(files) + "\n" + kLookForHooks, {}, stop));
  for (const auto& line : Lines(result.out)) {
    if (line == "orcio-hooks: own") return Mention::kOwn;
    if (line == "orcio-hooks: others") return Mention::kOthers;
  }
  return Mention::kNone;
}

Words CommandWords(const ComposeTool& tool, const std::string& project, const Words& profiles,
                   const Words& files) {
  Words words = tool.program;
  words.insert(words.end(), {"--project-name", project});
  words.insert(words.end(), profiles.begin(), profiles.end());
  words.insert(words.end(), files.begin(), files.end());
  return words;
}

std::string HooksDoNotRun(const std::string& project, const std::string& why) {
  return fmt::format(
      "the compose files of {} have hooks (pre_stop, post_start), which do not run while it is "
      "stopped and started: {}; a variable that is set in somebody's shell alone belongs in the "
      "project's .env",
      project, why);
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
    RemoteHost& host, const std::string& project, const std::vector<DockerContainer>& all,
    const std::vector<DockerContainer>& wanted, std::vector<std::string>& warnings,
    const std::stop_token& stop) {
  const std::optional<ComposeCommand> none;
  const auto services = ServicesOf(wanted);
  const auto options = ProjectOptions(wanted);
  if (options.empty() || !AllPlainNames(services)) return none;
  const auto mention = ORCIO_TRY(MentionOfHooks(host, FilesIn(options), stop));
  if (mention == Mention::kNone) return none;
  const bool declared = mention == Mention::kOwn;
  const auto tool = ORCIO_TRY(DetectComposeTool(host, stop));
  const bool knows_hooks = tool && tool->major >= 2;
  std::string why_not = knows_hooks ? "" : "the host has no compose that knows of hooks, from 2.30";
  for (size_t i = 0; knows_hooks && i < options.size(); ++i) {
    // Without a profile first: one may have parts that were never made.
    for (const auto& profiles : {Words(), Words{"--profile", "*"}}) {
      const ComposeCommand command(CommandWords(*tool, project, profiles, options[i]),
                                   {services.begin(), services.end()}, IsExact(all, wanted));
      const auto look = ORCIO_TRY(command.LookForHooks(host, declared, stop));
      if (look.runs) return std::optional(command);
      if (why_not.empty()) why_not = look.why_not;
      if (!look.lacks_service) break;
    }
  }
  if (declared) warnings.push_back(HooksDoNotRun(project, why_not));
  return none;
}

// It has to read the files, know the services (the files may have moved, or changed since the
// containers were made), and there have to be hooks in them: `declared` if that is known.
Result<ComposeCommand::HookLook> ComposeCommand::LookForHooks(RemoteHost& host, bool declared,
                                                              const std::stop_token& stop) const {
  const auto result = ORCIO_TRY(host.Run(Line({"config", "--services"}), {}, stop));
  if (result.exit_status != 0)
    return HookLook{false, false, "compose cannot read them: " + Excerpt(result.err)};
  const auto known = Lines(result.out);
  for (const auto& name : services_) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return HookLook{false, true, "they have no service " + Excerpt(name, 1)};
  }
  if (declared) return HookLook{true, false, {}};
  const auto found = ORCIO_TRY(host.Run(Line({"config"}) + kFindHooks, {}, stop));
  return HookLook{found.exit_status == 0 && !found.out.empty(), false, {}};
}

std::string ComposeCommand::Line(std::vector<std::string> arguments) const {
  std::vector<std::string> words = words_;
  words.insert(words.end(), arguments.begin(), arguments.end());
  return ComposeLine(words);
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

}  // namespace orcio::inline archiver

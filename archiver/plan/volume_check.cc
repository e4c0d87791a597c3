#include "archiver/plan/volume_check.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "archiver/host/shell_quote.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

using namespace std::string_view_literals;

// What every host has, and what is made anew at each boot.
constexpr std::array kNoData{"/proc"sv,    "/sys"sv,      "/dev"sv,          "/run"sv,
                             "/var/run"sv, "/var/lock"sv, "/var/lib/lxcfs"sv};
constexpr std::array kMachinesOwn{
    "/etc/localtime"sv, "/etc/timezone"sv,    "/etc/machine-id"sv,    "/etc/hostname"sv,
    "/etc/hosts"sv,     "/etc/resolv.conf"sv, "/etc/passwd"sv,        "/etc/group"sv,
    "/lib/modules"sv,   "/usr/lib/modules"sv, "/usr/share/zoneinfo"sv};
// What is looked at by monitors and the like, and not kept by them: if it is mounted read-only.
constexpr std::array kWatched{"/etc"sv,  "/usr"sv,     "/lib"sv, "/bin"sv,           "/sbin"sv,
                              "/boot"sv, "/var/log"sv, "/tmp"sv, "/var/lib/docker"sv};

bool LiesBelow(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

template <class Directories>
bool LiesBelowAny(std::string_view path, const Directories& directories) {
  return std::any_of(directories.begin(), directories.end(),
                     [&](std::string_view directory) { return LiesBelow(path, directory); });
}

bool IsData(const VolumeCheck& check, const DockerMount& mount) {
  const std::string& path = mount.source;
  if (check.special.count(path) != 0) return false;
  if (!mount.volume.empty()) return true;
  if (path == "/" || path.ends_with(".sock")) return false;
  if (LiesBelowAny(path, kNoData) || LiesBelowAny(path, kMachinesOwn)) return false;
  return mount.writable || !LiesBelowAny(path, kWatched);
}

const std::string& Resolved(const VolumeCheck& check, const std::string& path) {
  const auto found = check.resolved.find(path);
  return found == check.resolved.end() ? path : found->second;
}

// Whether it is below a path of the service's and left out on purpose, by itself or with a
// directory above it.
bool IsExcluded(const ServiceConfig& service, const std::string& source) {
  for (const auto& path : service.paths) {
    if (!LiesBelow(source, path) || source == path) continue;
    for (std::string name = source.substr(path.size() + 1);;) {
      for (const auto& pattern : service.exclude) {
        const bool content = pattern.ends_with("/*");  // of a directory: no more is mounted
        const std::string stem = content ? pattern.substr(0, pattern.size() - 2) : pattern;
        if (::fnmatch(stem.c_str(), name.c_str(), 0) == 0) return true;
      }
      const size_t slash = name.rfind('/');
      if (slash == std::string::npos) break;
      name.resize(slash);
    }
  }
  return false;
}

// A link below a path leads out of it, and tar keeps no more than the link: if it is known where
// a mount's source lies, that alone counts.
bool IsCovered(const VolumeCheck& check, const DockerMount& mount) {
  const std::string& source = Resolved(check, mount.source);
  const bool known = check.resolved.count(mount.source) != 0;
  for (const ServiceConfig* service : check.services) {
    if (IsExcluded(*service, mount.source)) return true;
    for (const auto& path : service->paths) {
      if (LiesBelow(source, Resolved(check, path)) || (!known && LiesBelow(mount.source, path)) ||
          (!mount.volume.empty() && LiesBelow(source, path)))
        return true;
    }
  }
  return false;
}

bool IsIgnored(const VolumeCheck& check, const ServiceConfig& owner,
               const MountingContainer& container, const DockerMount& mount) {
  const auto is_like = [](const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  };
  const std::string inside = container.service + ":" + mount.destination;
  const auto& patterns = owner.ignore_mounts;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (!pattern.starts_with('/'))
      return is_like(pattern, mount.volume) || is_like(pattern, inside);
    return is_like(pattern, mount.source) || is_like(pattern + "/*", mount.source) ||
           is_like(pattern, Resolved(check, mount.source));
  });
}

// `owner` is null if no service is about the container.
std::vector<DockerMount> UncoveredOf(const VolumeCheck& check, const MountingContainer& container,
                                     const ServiceConfig* owner = nullptr) {
  std::vector<DockerMount> uncovered;
  for (const auto& mount : container.mounts) {
    if (!IsData(check, mount) || IsCovered(check, mount)) continue;
    if (owner == nullptr || !IsIgnored(check, *owner, container, mount)) uncovered.push_back(mount);
  }
  return uncovered;
}

const ServiceConfig* OwnerOf(const VolumeCheck& check, const MountingContainer& container) {
  if (container.project.empty()) return nullptr;
  for (const ServiceConfig* service : check.services) {
    if (service->control == ControlKind::kCompose && service->project == container.project)
      return service;
  }
  return nullptr;
}

std::string Described(const DockerMount& mount) {
  const std::string source = SafeText(mount.source);
  return mount.volume.empty() ? source
                              : fmt::format("{} (volume {})", source, SafeText(mount.volume));
}

Finding Uncovered(const VolumeCheck& check, const MountingContainer& container,
                  const DockerMount& mount, const ServiceConfig& owner) {
  Finding finding{FindingLevel::kWarning, "volumes", {}, {}, {}, owner.name};
  finding.text =
      fmt::format("{}, which container {} has as {}, is in no service's paths: it is not archived",
                  Described(mount), SafeText(container.name), SafeText(mount.destination));
  finding.remedy =
      fmt::format("add {} to the service's paths:, beside {}, or to its ignore_mounts:",
                  SafeText(Resolved(check, mount.source)), Join(owner.paths));
  return finding;
}

// All of the containers of one project that no service is about, or one that is of no project.
struct Stranger {
  std::vector<std::string> containers;
  std::set<std::string> sources;    // what is not covered
  std::set<std::string> described;  // likewise
  bool keeps_something = false;
};

void Meet(const VolumeCheck& check, const MountingContainer& container, Stranger& stranger) {
  stranger.containers.push_back(SafeText(container.name));
  stranger.keeps_something =
      stranger.keeps_something ||
      std::any_of(container.mounts.begin(), container.mounts.end(),
                  [&](const DockerMount& mount) { return IsData(check, mount); });
  for (const auto& mount : UncoveredOf(check, container)) {
    stranger.sources.insert(SafeText(mount.source));
    stranger.described.insert(Described(mount));
  }
}

std::string Listed(const std::set<std::string>& words) {
  return Join({words.begin(), words.end()});
}

Finding UnknownStack(const std::string& project, const Stranger& stranger) {
  const std::string name = SafeText(project);
  Finding finding{FindingLevel::kWarning, "services"};
  finding.text = fmt::format("the compose project {} runs there ({}), and no service is about it",
                             name, Join(stranger.containers));
  if (!stranger.sources.empty()) finding.text += "; not archived: " + Listed(stranger.described);
  finding.remedy = fmt::format(
      "add a service with project: {}{}", name,
      stranger.sources.empty() ? "" : fmt::format(" and paths: [{}]", Listed(stranger.sources)));
  return finding;
}

Finding LoneContainer(const MountingContainer& container, const Stranger& stranger) {
  Finding finding{FindingLevel::kWarning, "services"};
  finding.text =
      fmt::format("the container {}, of no compose project, runs there; not archived: {}",
                  SafeText(container.name), Listed(stranger.described));
  finding.remedy = fmt::format(
      "add a service with paths: [{}], control: commands, and docker stop and docker start of it",
      Listed(stranger.sources));
  return finding;
}

constexpr std::string_view kVolumeMark = "orcio-volume: ";

// For each path: its number, what it is, and where it leads, up to a bar; a name may hold newlines.
constexpr const char* kLookAtPlace = R"sh(  m=$((m + 1))
  to=$(readlink -f -- "$path" 2>/dev/null </dev/null)
  what=file
  if [ -S "$path" ] || [ -p "$path" ] || [ -b "$path" ] || [ -c "$path" ]; then what=special; fi
  printf 'orcio-volume: %s %s %s|\n' "$m" "$what" "$to"
done
)sh";

// Every path that links may lead elsewhere from.
std::vector<std::string> PlacesOf(const VolumeCheck& check) {
  std::set<std::string> paths;
  for (const ServiceConfig* service : check.services)
    paths.insert(service->paths.begin(), service->paths.end());
  for (const auto& container : check.containers) {
    for (const auto& mount : container.mounts) paths.insert(mount.source);
  }
  return {paths.begin(), paths.end()};
}

// One line of kLookAtPlace's.
void NotePlace(std::string_view line, const std::vector<std::string>& paths, VolumeCheck& check) {
  if (!line.starts_with(kVolumeMark) || !line.ends_with('|')) return;
  line.remove_prefix(kVolumeMark.size());
  line.remove_suffix(1);
  const auto words = Split(line.substr(0, line.find('/')), ' ');
  size_t number = 0;
  if (words.size() < 2 || line.find('/') == line.npos) return;
  const std::string& digits = words[0];
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ec != std::errc() || number == 0 || number > paths.size()) return;
  const std::string& path = paths[number - 1];
  check.resolved[path] = std::string(line.substr(line.find('/')));
  if (words[1] == "special") check.special.insert(path);
}

// A volume of the driver `local` may be a bind mount by another name, or a tmpfs. Its other options
// are nobody's business: they hold passwords.
constexpr const char* kVolumeFormat =
    R"({"name":{{json .Name}},"type":{{json (index .Options "type")}},)"
    R"("device":{{json (index .Options "device")}}})";

void NoteVolume(const std::string& line, const std::map<std::string, std::string>& sources,
                VolumeCheck& check) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto source = sources.find(text("name"));
  if (source == sources.end()) return;
  if (text("type") == "tmpfs") check.special.insert(source->second);
  const std::string device = text("device");
  if ((text("type") == "none" || text("type").empty()) && device.starts_with('/'))
    check.resolved[source->second] = device;
}

// As YAML has it in a list.
std::string YamlWord(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.:-";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : SafeText(text)) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

// docker names a volume that nobody named by 64 digits, other ones each time it is made anew.
bool IsNameless(const std::string& volume) {
  return volume.size() == 64 && volume.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string ToIgnore(const MountingContainer& container, const DockerMount& mount) {
  if (mount.volume.empty()) return mount.source;
  return IsNameless(mount.volume) ? container.service + ":" + mount.destination : mount.volume;
}

// One mount, of whichever containers have it.
struct SharedMount {
  std::string described;
  std::string source;
  std::string ignore;
  std::vector<std::string> containers;
};

}  // namespace

// A disk that hangs, or a key that orcio-host restricts, is no reason to archive nothing.
void LookAtPlaces(RemoteHost& host, VolumeCheck& check, const std::stop_token& stop) {
  const auto paths = PlacesOf(check);
  if (paths.empty()) return;
  const auto result = host.Run(
      fmt::format("m=0\nfor path in {}; do\n{}", ShellCommand(paths), kLookAtPlace), {}, stop);
  if (result && result->exit_status == 0 && !result->out_truncated) {
    for (const auto& line : Lines(result->out)) NotePlace(line, paths, check);
  }
  std::map<std::string, std::string> sources;  // by their volumes' names
  for (const auto& container : check.containers) {
    for (const auto& mount : UncoveredOf(check, container)) {
      if (!mount.volume.empty()) sources[mount.volume] = mount.source;
    }
  }
  std::vector<std::string> words{"docker", "volume", "inspect", "--format", kVolumeFormat};
  for (const auto& [name, source] : sources) words.push_back(name);
  if (sources.empty()) return;
  // If one of them has gone, docker says what it knows of the others.
  const auto volumes = host.Run(ShellCommand(words), {}, stop);
  if (!volumes) return;
  for (const auto& line : Lines(volumes->out)) NoteVolume(line, sources, check);
}

std::vector<std::string> UncoveredWarnings(const VolumeCheck& check, const ServiceConfig& service) {
  std::map<std::string, SharedMount> shared;
  for (const auto& container : check.containers) {
    for (const auto& mount : UncoveredOf(check, container, &service)) {
      SharedMount& found = shared[mount.source];
      if (found.containers.empty())
        found = {Described(mount), Resolved(check, mount.source), ToIgnore(container, mount), {}};
      found.containers.push_back(fmt::format("container {} has as {}", SafeText(container.name),
                                             SafeText(mount.destination)));
    }
  }
  std::vector<std::string> paths;
  for (const auto& path : service.paths) paths.push_back(YamlWord(path));
  std::vector<std::string> warnings;
  for (const auto& [source, mount] : shared) {
    warnings.push_back(fmt::format(
        "{}, which {}, is in no service's paths: it is not archived; write `paths: [{}, {}]`, or "
        "`ignore_mounts: [{}]` if it need not be",
        mount.described, Join(mount.containers, " and "), Join(paths), YamlWord(mount.source),
        YamlWord(mount.ignore)));
  }
  return warnings;
}

bool IsToBeIgnored(const VolumeCheck& check, const ServiceConfig& owner,
                   const MountingContainer& container, const DockerMount& mount) {
  return IsIgnored(check, owner, container, mount);
}

bool IsLeftOut(const ServiceConfig& service, const std::string& source) {
  return IsExcluded(service, source);
}

std::vector<Finding> FindUncovered(const VolumeCheck& check) {
  std::vector<Finding> findings;
  std::map<std::string, Stranger> projects;
  for (const auto& container : check.containers) {
    if (const ServiceConfig* owner = OwnerOf(check, container)) {
      for (const auto& mount : UncoveredOf(check, container, owner))
        findings.push_back(Uncovered(check, container, mount, *owner));
      continue;
    }
    Stranger alone;
    Stranger& stranger = container.project.empty() ? alone : projects[container.project];
    Meet(check, container, stranger);
    if (container.project.empty() && !alone.sources.empty())
      findings.push_back(LoneContainer(container, alone));
  }
  for (const auto& [project, stranger] : projects) {
    // What it keeps is archived by a service that goes about it in another way.
    if (stranger.sources.empty() && stranger.keeps_something) continue;
    findings.push_back(UnknownStack(project, stranger));
  }
  return findings;
}

}  // namespace orcio::inline archiver

#include "archiver/plan/volume_check.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "archiver/host/shell_quote.h"
#include "archiver/tar/below_path.h"
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

// What docker mounts at a mount's source; null if nothing.
const MountedVolume* MountedAt(const VolumeCheck& check, const DockerMount& mount) {
  const auto found = check.mounted.find(mount.source);
  return found == check.mounted.end() ? nullptr : &found->second;
}

// Where it lies once nothing runs, as far as that is known.
const std::string& Origin(const VolumeCheck& check, const DockerMount& mount) {
  const MountedVolume* mounted = MountedAt(check, mount);
  if (mounted != nullptr && !mounted->directory.empty()) return mounted->directory;
  return Resolved(check, mount.source);
}

// Whether its containers run while it is read, and hold what docker has mounted for them.
bool KeepsMounts(const ServiceConfig& service) {
  return service.mode == Mode::kPause || service.mode == Mode::kLive;
}

// A link below a path leads out of it, and tar keeps no more than the link: if it is known where
// a mount's source lies, that alone counts.
bool CoversSource(const VolumeCheck& check, const std::string& path, const DockerMount& mount) {
  const std::string& source = Resolved(check, mount.source);
  const bool known = check.resolved.count(mount.source) != 0;
  return LiesBelow(source, Resolved(check, path)) || (!known && LiesBelow(mount.source, path)) ||
         (!mount.volume.empty() && LiesBelow(source, path));
}

bool IsCovered(const VolumeCheck& check, const DockerMount& mount) {
  const MountedVolume* mounted = MountedAt(check, mount);
  const std::string& origin = Origin(check, mount);
  for (const ServiceConfig* service : check.services) {
    if (IsExcluded(*service, mount.source)) return true;
    const bool stays = mounted == nullptr || KeepsMounts(*service);
    for (const auto& path : service->paths) {
      if (stays && CoversSource(check, path, mount)) return true;
      if (mounted != nullptr && !mounted->directory.empty() &&
          (LiesBelow(origin, Resolved(check, path)) || LiesBelow(origin, path)))
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
           is_like(pattern, Origin(check, mount));
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

// Whether a service would find nothing of it: to be told apart from what no path is about.
bool GoesWith(const VolumeCheck& check, const DockerMount& mount, const ServiceConfig& owner) {
  return MountedAt(check, mount) != nullptr && !KeepsMounts(owner);
}

// Why it is not archived, after its name.
std::string Reason(const VolumeCheck& check, const DockerMount& mount, const ServiceConfig& owner) {
  if (!GoesWith(check, mount, owner)) return "is in no service's paths: it is not archived";
  const MountedVolume& mounted = *MountedAt(check, mount);
  return fmt::format(
      "is mounted there by docker ({}), and only while a container runs: of a service that is "
      "stopped it is not archived",
      SafeText(mounted.directory.empty() ? mounted.type : mounted.directory));
}

// If there is no directory to write into `paths:`.
bool HasNoOrigin(const VolumeCheck& check, const DockerMount& mount, const ServiceConfig& owner) {
  return GoesWith(check, mount, owner) && MountedAt(check, mount)->directory.empty();
}

constexpr const char* kMountOnHost =
    "mount it on the host, have the container bind that directory, and write it into `paths:`; or "
    "write `mode: pause`";

Finding Uncovered(const VolumeCheck& check, const MountingContainer& container,
                  const DockerMount& mount, const ServiceConfig& owner) {
  Finding finding{FindingLevel::kWarning, "volumes", {}, {}, {}, owner.name};
  finding.text = fmt::format("{}, which container {} has as {}, {}", Described(mount),
                             SafeText(container.name), SafeText(mount.destination),
                             Reason(check, mount, owner));
  finding.remedy =
      HasNoOrigin(check, mount, owner)
          ? fmt::format("{}; or add it to the service's ignore_mounts:", kMountOnHost)
          : fmt::format("add {} to the service's paths:, beside {}, or to its ignore_mounts:",
                        SafeText(Origin(check, mount)), Join(owner.paths));
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
  const std::string type = text("type");
  const std::string device = text("device");
  if (type == "tmpfs") check.special.insert(source->second);
  if (type == "none" || type.empty()) {
    if (device.starts_with('/')) check.mounted[source->second] = {"none", device};
  } else if (!device.empty()) {
    check.mounted[source->second] = {type, ""};
  }
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
  DockerMount mount;
  std::string ignore;
  std::vector<std::string> containers;
};

// What to write, as YAML has it; a path at which docker mounts the volume gives way to where that
// lies.
std::string Advice(const VolumeCheck& check, const ServiceConfig& service,
                   const SharedMount& shared) {
  if (HasNoOrigin(check, shared.mount, service)) return kMountOnHost;
  std::vector<std::string> paths;
  for (const auto& path : service.paths) {
    if (path != shared.mount.source) paths.push_back(YamlWord(path));
  }
  paths.push_back(YamlWord(Origin(check, shared.mount)));
  return fmt::format("write `paths: [{}]`", Join(paths));
}

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
    for (const auto& mount : container.mounts) {
      if (!mount.volume.empty() && IsData(check, mount)) sources[mount.volume] = mount.source;
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
      if (found.containers.empty()) found = {mount, ToIgnore(container, mount), {}};
      found.containers.push_back(fmt::format("container {} has as {}", SafeText(container.name),
                                             SafeText(mount.destination)));
    }
  }
  std::vector<std::string> warnings;
  for (const auto& [source, found] : shared) {
    warnings.push_back(fmt::format(
        "{}, which {}, {}; {}, or `ignore_mounts: [{}]` if it need not be", Described(found.mount),
        Join(found.containers, " and "), Reason(check, found.mount, service),
        Advice(check, service, found), YamlWord(found.ignore)));
  }
  return warnings;
}

std::vector<std::string> FleetingSources(const VolumeCheck& check, const ServiceConfig& service) {
  std::set<std::string> fleeting;
  for (const auto& container : check.containers) {
    for (const auto& mount : container.mounts) {
      if (MountedAt(check, mount) != nullptr || check.special.count(mount.source) != 0)
        fleeting.insert(mount.source);
    }
  }
  for (const auto& container : check.containers) {
    for (const auto& mount : UncoveredOf(check, container, &service)) fleeting.erase(mount.source);
  }
  return {fleeting.begin(), fleeting.end()};
}

bool IsToBeIgnored(const VolumeCheck& check, const ServiceConfig& owner,
                   const MountingContainer& container, const DockerMount& mount) {
  return IsIgnored(check, owner, container, mount);
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

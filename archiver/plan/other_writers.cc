#include "archiver/plan/other_writers.h"

#include <algorithm>
#include <utility>

#include "archiver/docker/docker_mounts.h"
#include "archiver/tar/below_path.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// Above and in it are all volumes of all containers.
constexpr const char* kAllVolumes = "/var/lib/docker/volumes";

bool IsWithin(const std::string& path, const std::string& directory) {
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

const std::string& WhereItLeads(const VolumeCheck& check, const std::string& path) {
  const auto found = check.resolved.find(path);
  return found == check.resolved.end() ? path : found->second;
}

// Where other containers' sources lead is not asked, unless the service's own have them, too: that
// would touch disks which are none of its business, and may hang.
bool Overlaps(const VolumeCheck& check, const ServiceConfig& service, const std::string& source) {
  for (const std::string& path : service.paths) {
    for (const std::string& place : {path, WhereItLeads(check, path)}) {
      for (const std::string& from : {source, WhereItLeads(check, source)}) {
        if (IsWithin(from, place) || IsWithin(place, from)) return true;
      }
    }
  }
  return false;
}

bool MayWrite(const VolumeCheck& check, const ServiceConfig& service,
              const MountingContainer& container, const DockerMount& mount) {
  const std::string& source = mount.source;
  if (!mount.writable || IsWithin(kAllVolumes, source)) return false;
  if (source.ends_with(".sock") || check.special.count(source) != 0) return false;
  if (!Overlaps(check, service, source) || IsExcluded(service, source)) return false;
  // By its own name: that of its compose service may be one of the service's, too.
  MountingContainer named = container;
  named.service = container.name;
  return !IsToBeIgnored(check, service, named, mount);
}

std::string Introduced(const MountingContainer& container, std::string_view since) {
  std::string text = "container " + SafeText(container.name);
  text += container.project.empty() ? ", of no compose project,"
                                    : " of the compose project " + SafeText(container.project);
  if (since.empty()) return text;
  return fmt::format("{}{} {},", text, text.ends_with(',') ? "" : ",", since);
}

std::string HowToStopIt(const ServiceConfig& service) {
  if (service.control == ControlKind::kSystemd) return "stop it by one of the service's units:";
  if (service.control == ControlKind::kCommands) return "stop it by the service's stop:, too";
  return "make it a part of the compose project " + service.project;
}

// A word in single quotes, as YAML has it.
std::string InQuotes(const std::string& text) {
  std::string quoted = "'";
  for (const char c : SafeText(text)) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

bool Keeps(const MountingContainer& container) {
  return std::any_of(container.mounts.begin(), container.mounts.end(),
                     [](const DockerMount& mount) { return mount.writable; });
}

}  // namespace

bool KnowsItsContainers(const ServiceConfig& service) {
  return service.control == ControlKind::kCompose;
}

std::optional<std::vector<MountingContainer>> RunningOthers(const ServiceConfig& service,
                                                            RemoteHost& host,
                                                            const std::stop_token& stop) {
  if (service.control == ControlKind::kNone || service.mode == Mode::kLive) return {};
  auto listed = ListMounts(host, stop);
  if (!listed) {
    if (listed.error().kind == ErrorKind::kNetwork) (void)host.Connect(stop);
    return {};
  }
  std::erase_if(*listed, [&](const MountingContainer& container) {
    const bool own = KnowsItsContainers(service) && container.project == service.project;
    return own || !Keeps(container);
  });
  return std::move(*listed);
}

std::vector<std::string> WriterWarnings(const VolumeCheck& check, const ServiceConfig& service,
                                        const std::vector<MountingContainer>& others,
                                        std::string_view since) {
  const char* const done = service.mode == Mode::kPause ? "paused" : "stopped";
  std::vector<std::string> warnings;
  for (const MountingContainer& container : others) {
    std::vector<std::string> mounts;
    std::vector<std::string> ignore;
    for (const DockerMount& mount : container.mounts) {
      if (!MayWrite(check, service, container, mount)) continue;
      mounts.push_back(
          fmt::format("{} (as {})", SafeText(mount.source), SafeText(mount.destination)));
      ignore.push_back(InQuotes(container.name + ":" + mount.destination));
    }
    if (mounts.empty()) continue;
    warnings.push_back(fmt::format(
        "{} may write to {} and is not {} with the service: what is archived may be inconsistent; "
        "mount that read-only there, {}, or write `ignore_mounts: [{}]` if it does no harm",
        Introduced(container, since), Join(mounts, " and "), done, HowToStopIt(service),
        Join(ignore)));
  }
  return warnings;
}

std::vector<MountingContainer> LateWriters(const ServiceConfig& service,
                                           const std::vector<MountingContainer>& before,
                                           const std::vector<MountingContainer>& after) {
  const bool knows = KnowsItsContainers(service);
  std::vector<MountingContainer> late;
  for (const MountingContainer& container : after) {
    const bool was_there =
        std::any_of(before.begin(), before.end(), [&](const MountingContainer& earlier) {
          return earlier.id == container.id &&
                 (knows || earlier.started_at == container.started_at);
        });
    if (was_there != knows) late.push_back(container);
  }
  return late;
}

}  // namespace orcio::inline archiver

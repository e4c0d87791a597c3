#include "archiver/volume_check.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "archiver/remote_text.h"
#include "archiver/safe_text.h"

namespace orcio {
namespace {

using namespace std::string_view_literals;

// What every host has, and what is made anew at each boot.
constexpr std::array kNoData{"/proc"sv, "/sys"sv, "/dev"sv, "/run"sv, "/var/run"sv};
constexpr std::array kMachinesOwn{"/etc/localtime"sv, "/etc/timezone"sv, "/etc/machine-id"sv,
                                  "/etc/hostname"sv,  "/etc/hosts"sv,    "/etc/resolv.conf"sv,
                                  "/etc/passwd"sv,    "/etc/group"sv};
// What is looked at by monitors and the like, and not kept by them: where it is mounted read-only.
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

bool IsData(const DockerMount& mount) {
  if (!mount.volume.empty()) return true;
  const std::string& path = mount.source;
  if (LiesBelowAny(path, kNoData) || LiesBelowAny(path, kMachinesOwn)) return false;
  return mount.writable || (path != "/" && !LiesBelowAny(path, kWatched));
}

const std::string& Resolved(const VolumeCheck& check, const std::string& path) {
  const auto found = check.resolved.find(path);
  return found == check.resolved.end() ? path : found->second;
}

bool IsCovered(const VolumeCheck& check, const DockerMount& mount) {
  const std::string& source = Resolved(check, mount.source);
  for (const ServiceConfig* service : check.services) {
    for (const auto& path : service->paths) {
      if (LiesBelow(source, Resolved(check, path)) || LiesBelow(mount.source, path)) return true;
    }
  }
  return false;
}

std::vector<DockerMount> UncoveredOf(const VolumeCheck& check, const MountingContainer& container) {
  std::vector<DockerMount> uncovered;
  for (const auto& mount : container.mounts) {
    if (IsData(mount) && !IsCovered(check, mount)) uncovered.push_back(mount);
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

Finding Uncovered(const MountingContainer& container, const DockerMount& mount,
                  const ServiceConfig& owner) {
  Finding finding{FindingLevel::kWarning, "volumes", {}, {}, {}, owner.name};
  finding.text =
      fmt::format("{}, which container {} has as {}, is in no service's paths: it is not archived",
                  Described(mount), SafeText(container.name), SafeText(mount.destination));
  finding.remedy = fmt::format("add {} to the service's paths:, beside {}", SafeText(mount.source),
                               Join(owner.paths));
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
  stranger.keeps_something = stranger.keeps_something ||
                             std::any_of(container.mounts.begin(), container.mounts.end(), IsData);
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

}  // namespace

std::vector<std::string> PathsOf(const VolumeCheck& check) {
  std::set<std::string> paths;
  for (const ServiceConfig* service : check.services)
    paths.insert(service->paths.begin(), service->paths.end());
  for (const auto& container : check.containers) {
    for (const auto& mount : container.mounts) paths.insert(mount.source);
  }
  return {paths.begin(), paths.end()};
}

std::vector<Finding> FindUncovered(const VolumeCheck& check) {
  std::vector<Finding> findings;
  std::map<std::string, Stranger> projects;
  for (const auto& container : check.containers) {
    if (const ServiceConfig* owner = OwnerOf(check, container)) {
      for (const auto& mount : UncoveredOf(check, container))
        findings.push_back(Uncovered(container, mount, *owner));
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

}  // namespace orcio

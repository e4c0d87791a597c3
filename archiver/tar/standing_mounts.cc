#include "archiver/tar/standing_mounts.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "archiver/tar/below_path.h"

namespace orcio::inline archiver {
namespace {

// What is in memory, of a container's own, or no files at all, whichever part of it is mounted.
constexpr std::array<std::string_view, 24> kNoDisk = {
    "tmpfs",     "ramfs",   "devtmpfs",    "proc",    "sysfs",      "devpts",
    "mqueue",    "cgroup",  "cgroup2",     "nsfs",    "securityfs", "rpc_pipefs",
    "nfsd",      "debugfs", "binfmt_misc", "tracefs", "fusectl",    "autofs",
    "hugetlbfs", "overlay", "aufs",        "pstore",  "bpf",        "fuse.fuse-overlayfs"};

// Containers' files, by other drivers of docker's, and what shows as soon as it is looked at.
constexpr std::array<std::string_view, 3> kNobodys = {"/zfs/graph/", "/devicemapper/mnt/",
                                                      "/.zfs/snapshot/"};

bool HoldsData(const MountLine& mount) {
  if (mount.place == "/") return false;
  if (std::find(kNoDisk.begin(), kNoDisk.end(), mount.type) != kNoDisk.end()) return false;
  return std::none_of(kNobodys.begin(), kNobodys.end(), [&](std::string_view part) {
    return mount.place.find(part) != std::string::npos;
  });
}

// What is mounted by being looked at comes and goes.
bool IsOnDemand(const MountLine& mount, const std::vector<MountLine>& mounts) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& other) {
    return other.type == "autofs" && LiesBelow(mount.place, other.place);
  });
}

// By the name that another mount gives it, what `mount` shows; empty if that does not show it, or
// if nobody can tell: Linux says "/" of every directory of an NFS server (nfs_show_path), and
// others of the network may do so, too.
std::string NameBy(const MountLine& other, const MountLine& mount) {
  constexpr std::array kRootsUntold{"nfs", "nfs4", "ceph", "9p", "cifs", "smb3"};
  if (&other == &mount || other.device != mount.device || mount.root.ends_with("//deleted"))
    return {};
  if (std::find(kRootsUntold.begin(), kRootsUntold.end(), mount.type) != kRootsUntold.end())
    return {};
  std::string name = other.place == "/" ? "" : other.place;
  if (other.root == "/") {
    if (mount.root != "/") name += mount.root;
  } else {
    if (!LiesBelow(mount.root, other.root)) return {};
    name += mount.root.substr(other.root.size());
  }
  return name.empty() ? "/" : name;
}

class Finder {
 public:
  Finder(const std::vector<MountLine>& mounts, const ServiceConfig& service,
         const std::map<std::string, std::string>& real, const std::vector<std::string>& fleeting)
      : mounts_(mounts), service_(service), real_(real), fleeting_(fleeting) {}

  MountsAtPaths Find() {
    MountsAtPaths found;
    // What a bind mount shows was there before it: of two that show the same, the later one goes.
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
      found.all.push_back(mount->place);
      auto at = AtPaths(*mount);
      if (!at) continue;
      found.all.push_back(at->place);
      if (!IsWatched(*mount, *at)) continue;
      if (IsSettled(*mount, *at)) {
        settled_.insert(&*mount);
        found.settled.push_back(at->place);
      } else {
        found.mounts.push_back(*std::move(at));
      }
    }
    std::reverse(found.mounts.begin(), found.mounts.end());
    return found;
  }

 private:
  const std::string& Real(const std::string& path) const {
    const auto found = real_.find(path);
    return found == real_.end() ? path : found->second;
  }

  // By the first of the paths that it has to do with; nothing if it has with none.
  std::optional<StandingMount> AtPaths(const MountLine& mount) const {
    for (const auto& path : service_.paths) {
      const std::string& real = Real(path);
      if (LiesBelow(mount.place, real))
        return StandingMount{path + mount.place.substr(real.size()), mount.field, false,
                             mount.place != real};
      if (LiesBelow(real, mount.place)) return StandingMount{mount.place, mount.field, true, false};
    }
    return std::nullopt;
  }

  bool IsWatched(const MountLine& mount, const StandingMount& at) const {
    if (!HoldsData(mount) || IsOnDemand(mount, mounts_)) return false;
    if (LiesBelowOneOf(mount.place, fleeting_) || LiesBelowOneOf(at.place, fleeting_)) return false;
    return at.above || !(IsExcluded(service_, at.place) || IsIgnoredPlace(service_, at.place) ||
                         IsIgnoredPlace(service_, mount.place));
  }

  // Whether the archive has what it shows even without it. Notes where else it is, if not.
  bool IsSettled(const MountLine& mount, StandingMount& at) const {
    for (const MountLine& other : mounts_) {
      if (settled_.count(&other) != 0) continue;
      const std::string name = NameBy(other, mount);
      if (name.empty() || !IsSeen(name, other, mount)) continue;
      if (at.above ? name == mount.place : IsArchived(name)) return true;
      if (name != mount.place) at.elsewhere = name;
    }
    const auto here = [&](const MountLine& other) { return other.place == mount.place; };
    if (!at.below && std::count_if(mounts_.begin(), mounts_.end(), here) > 1)
      at.shown = mount.shown;
    return false;
  }

  // Whether nothing else is mounted over it.
  bool IsSeen(const std::string& name, const MountLine& other, const MountLine& mount) const {
    const MountLine* top = &other;
    for (const MountLine& candidate : mounts_) {
      if (&candidate == &mount || candidate.place.size() < top->place.size()) continue;
      if (LiesBelow(name, candidate.place)) top = &candidate;
    }
    return top->device == other.device;
  }

  bool IsArchived(const std::string& name) const {
    return std::any_of(service_.paths.begin(), service_.paths.end(), [&](const auto& path) {
      const std::string& real = Real(path);
      return LiesBelow(name, real) && !IsExcluded(service_, path + name.substr(real.size()));
    });
  }

  const std::vector<MountLine>& mounts_;
  const ServiceConfig& service_;
  const std::map<std::string, std::string>& real_;
  const std::vector<std::string>& fleeting_;
  std::set<const MountLine*> settled_;
};

}  // namespace

bool LiesBelowOneOf(std::string_view path, const std::vector<std::string>& directories) {
  return std::any_of(directories.begin(), directories.end(),
                     [&](const std::string& directory) { return LiesBelow(path, directory); });
}

bool IsIgnoredPlace(const ServiceConfig& service, const std::string& place) {
  const auto& patterns = service.ignore_mounts;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern.starts_with('/') && (::fnmatch(pattern.c_str(), place.c_str(), 0) == 0 ||
                                        ::fnmatch((pattern + "/*").c_str(), place.c_str(), 0) == 0);
  });
}

MountsAtPaths FindMountsAtPaths(const std::vector<MountLine>& mounts, const ServiceConfig& service,
                                const std::map<std::string, std::string>& real,
                                const std::vector<std::string>& fleeting) {
  return Finder(mounts, service, real, fleeting).Find();
}

}  // namespace orcio::inline archiver

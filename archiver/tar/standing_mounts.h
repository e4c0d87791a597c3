#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/mounted_places.h"

namespace orcio::inline archiver {

// A file system on, below or above a path of a service.
struct StandingMount {
  std::string place;  // as the archive would name it, by the service's path
  std::string field;  // as the host's mountinfo has it
  bool above = false;
  bool below = false;          // the path itself is of another file system
  std::string shown = {};      // MountLine's, if others are mounted at the same place
  std::string elsewhere = {};  // where else on the host what it shows is; empty if nowhere
};

// What is mounted about a service's paths.
struct MountsAtPaths {
  std::vector<StandingMount> mounts;  // whose going would be a loss
  std::vector<std::string> settled;   // whose would be none: what they show is archived elsewhere
  std::vector<std::string> all;       // whatever it is; by the service's paths, too
};

// Of a host's whole mountinfo. `real` is where paths really are, by path. Left out of `mounts` is
// what holds nobody's data, what the service excludes or ignores, and what lies below `fleeting`.
[[nodiscard]] MountsAtPaths FindMountsAtPaths(const std::vector<MountLine>& mounts,
                                              const ServiceConfig& service,
                                              const std::map<std::string, std::string>& real,
                                              const std::vector<std::string>& fleeting);

// Whether a path of a host lies below one that `ignore_mounts:` of the service has.
[[nodiscard]] bool IsIgnoredPlace(const ServiceConfig& service, const std::string& place);

[[nodiscard]] bool LiesBelowOneOf(std::string_view path,
                                  const std::vector<std::string>& directories);

}  // namespace orcio::inline archiver

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config.h"
#include "archiver/docker.h"
#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

[[nodiscard]] std::vector<std::string> ContainerIds(const Containers& containers);
[[nodiscard]] std::vector<std::string> ContainerNames(const Containers& containers);

// A compose project as it is before orcio touches it.
struct ProjectState {
  Containers all;
  // Without those that `compose run` made, which are left alone, as `compose stop` does.
  Containers running;
  // One for each of those that runs.
  std::vector<std::string> warnings;
};

// What each keeps on the host's disks; those that `compose run` made are passed over.
[[nodiscard]] std::vector<MountingContainer> MountsOf(const Containers& containers,
                                                      const std::string& project);

// `done` is what is going to be done to the running ones, for the warnings: "stopped". kNotFound,
// with the projects that there are, where the host knows no such project; kRemote where one of its
// containers is paused: what it holds in memory is in no archive, and it cannot be put back the way
// it was.
[[nodiscard]] Result<ProjectState> InspectProject(RemoteHost& host, const std::string& project,
                                                  std::string_view done,
                                                  const std::stop_token& stop);

// By id: when a container was last started.
using StartTimes = std::map<std::string, std::string>;

// kRemote, naming it and when, where one of `now`, all containers of `service`'s project on `host`,
// was started since.
[[nodiscard]] Result<void> CheckNoneStarted(const std::string& host, const std::string& service,
                                            const Containers& now, const StartTimes& before);

// The host's own time, for CheckNoneWasStarted. Empty where the host does not tell it.
[[nodiscard]] Result<std::string> HostMoment(RemoteHost& host, const std::stop_token& stop);

// kRemote, naming it, where docker remembers that a container of the service's project was started
// or unpaused since `moment`: also one that is gone by now (`compose run --rm`) or paused again.
// Docker remembers its last 256 events, until it is started anew.
[[nodiscard]] Result<void> CheckNoneWasStarted(RemoteHost& host, const ServiceConfig& service,
                                               const std::string& moment,
                                               const std::stop_token& stop);

}  // namespace orcio

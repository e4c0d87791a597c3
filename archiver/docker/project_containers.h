#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/docker/docker.h"
#include "archiver/host/host_time.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

[[nodiscard]] std::vector<std::string> ContainerIds(const Containers& containers);
[[nodiscard]] std::vector<std::string> ContainerNames(const Containers& containers);

// A compose project as it is before orcio touches it.
struct ProjectState {
  Containers all;
  // Without those that `compose run` made, which are left alone, as `compose stop` does. Each
  // depends on others of these only: if it does so by way of one that has ended, on what that
  // depends on.
  Containers running;
  // One for each of those that runs.
  std::vector<std::string> warnings;
  std::optional<HostNow> now;
};

// What each keeps on the host's disks; those that `compose run` made are passed over.
[[nodiscard]] std::vector<MountingContainer> MountsOf(const Containers& containers,
                                                      const std::string& project);

// `done` is what is going to be done to the running ones, for the warnings: "stopped". kNotFound,
// with the projects that there are, if the host knows no such project; kRemote if one of its
// containers is paused: what it holds in memory is in no archive, and it cannot be put back the way
// it was.
[[nodiscard]] Result<ProjectState> InspectProject(RemoteHost& host, const std::string& project,
                                                  std::string_view done,
                                                  const std::stop_token& stop);

// By id: when a container was last started, and when it last ended, in docker's words.
struct LastRun {
  std::string started_at;
  std::string finished_at;
};
using LastRuns = std::map<std::string, LastRun>;
void NoteLastRuns(const Containers& containers, LastRuns& runs);

// From when a project is to be at rest, and until when, by its host's clock.
class RestSpan {
 public:
  // All of it is at rest.
  void Begin(const std::optional<HostNow>& now);
  // Whether the host tells its time, without which nothing can be said afterwards.
  [[nodiscard]] bool known() const { return begin_.has_value(); }
  // It may be started from now on: as far as this machine can tell from the time that has passed
  // since Begin, for want of a better word. Once; after that it changes nothing.
  void End();
  // The host's own word on it, as it was about to do so. To be passed over if an earlier attempt
  // may have started it.
  void End(const std::optional<HostNow>& now);
  [[nodiscard]] HostTime since() const { return begin_->latest; }
  [[nodiscard]] HostTime until() const { return end_.value_or(begin_->earliest); }

 private:
  std::optional<HostNow> begin_;
  std::chrono::steady_clock::time_point begun_;
  std::optional<HostTime> end_;
};

// kRemote, naming it and when, if one of `now`, all or some containers of `service`'s project on
// `host`, was started since: with `until`, if it was before that; what it is by now, and whether
// it was started again, does not matter then.
[[nodiscard]] Result<void> CheckNoneStarted(const std::string& host, const std::string& service,
                                            const Containers& now, const LastRuns& before,
                                            const std::optional<HostTime>& until = std::nullopt);

// kRemote, naming it, if docker remembers that a container of the service's project was started
// or unpaused between the two: also one that is gone by now (`compose run --rm`) or paused again.
// Docker remembers its last 256 events, until it is started anew.
[[nodiscard]] Result<void> CheckNoneWasStarted(RemoteHost& host, const ServiceConfig& service,
                                               HostTime since, HostTime until,
                                               const std::stop_token& stop);

// Seconds from the end of the first of the containers `stopped`, as they were once all had ended,
// to the start of the last of them, as they are `now`. Nothing if docker does not say, or one of
// them has not been started since.
[[nodiscard]] std::optional<double> NotRunningSeconds(const Containers& stopped,
                                                      const Containers& now);

}  // namespace orcio::inline archiver

#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archiver/compose_tool.h"
#include "archiver/container_wait.h"
#include "archiver/docker.h"
#include "archiver/pause.h"
#include "archiver/project_containers.h"
#include "archiver/service_control.h"

namespace orcio {

// The containers of a compose project. They are found by their labels, so it does not matter where
// the compose files are. Stopped and started by compose where that touches exactly those that were
// running, with the files that they were made from where those are still there, for the sake of
// the hooks in them; else, and where compose fails, by plain docker in the order of their
// dependencies.
//
// Containers that `compose run` made are left alone; a paused one is refused (InspectProject).
class ComposeControl : public ServiceControl {
 public:
  explicit ComposeControl(const ServiceConfig& service, const StartTiming& patience = {})
      : service_(service), patience_(patience) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::vector<std::string> Warnings() const override { return warnings_; }
  [[nodiscard]] std::vector<MountingContainer> Mounts() const override { return mounts_; }
  [[nodiscard]] std::string Memory() const override;
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override;
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  // Looks at every container of the project: whichever was started has written, most likely.
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  void StopMayGoOn() override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) override;

 private:
  void SetRunning(const Containers& running);
  Result<void> StopByDocker(RemoteHost& host, const std::stop_token& stop);
  Result<bool> AllStopped(RemoteHost& host, const std::stop_token& stop);
  Result<void> FinishStop(RemoteHost& host, const std::stop_token& stop);
  Result<Containers> FindAgain(RemoteHost& host, const std::stop_token& stop);
  Result<void> StartByCompose(RemoteHost& host, const std::stop_token& stop);
  Result<void> StartByDocker(RemoteHost& host, const Containers& present,
                             std::chrono::steady_clock::time_point& deadline,
                             const std::stop_token& stop);
  [[nodiscard]] std::chrono::seconds StopLimit() const;
  [[nodiscard]] std::chrono::seconds StartLimit() const;

  const ServiceConfig service_;
  const StartTiming patience_;
  // What was running, by when it starts: each level's containers depend on earlier levels only.
  std::vector<Containers> levels_;
  std::optional<ComposeCommand> compose_;
  std::set<std::string> awaited_healthy_;  // services that others wait for before they start
  std::vector<std::string> warnings_;
  std::vector<MountingContainer> mounts_;
  // Ids that were asked to stop, as long as it is not confirmed that they did: such a container may
  // stop at any time, also after it was "started".
  std::set<std::string> stopping_;
  // Of each container of the project, as of the end of Stop.
  StartTimes started_at_;
  std::string at_rest_since_;  // as HostMoment has it
  std::vector<UncheckedContainer> unchecked_;
};

}  // namespace orcio

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/control/start_timing.h"
#include "archiver/docker/project_containers.h"

namespace orcio::inline archiver {

// `mode: pause`: the containers of a compose project, frozen where they are by `docker pause`
// rather than stopped. What is read then is what they would find after a power cut at that moment,
// but for nothing being lost that they had written. Those that depend on others are paused first,
// and go on last. A container that is paused before, or keeps restarting, which docker cannot
// pause, is refused.
class PauseControl : public ServiceControl {
 public:
  explicit PauseControl(const ServiceConfig& service, const StartTiming& patience = {})
      : service_(service), patience_(patience) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::vector<std::string> Warnings() const override { return warnings_; }
  [[nodiscard]] std::vector<MountingContainer> Mounts() const override { return mounts_; }
  [[nodiscard]] std::string Memory() const override;
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override;
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  // Looks at what is there; docker's record can be asked afterwards.
  [[nodiscard]] Result<void> LookBeforeStart(RemoteHost& host,
                                             const std::stop_token& stop) override;
  [[nodiscard]] Result<void> JudgeAfterStart(RemoteHost& host,
                                             const std::stop_token& stop) override;
  void StopMayGoOn() override { in_doubt_ = true; }
  // What runs on as it did is confirmed by that, without a look at its health, which docker finds
  // out anew at its next check. If anything has ended meanwhile (the host may have been started
  // anew), all of it is started and confirmed as after a stop.
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) override;

 private:
  void SetRunning(const Containers& running);
  Result<Containers> Unpause(RemoteHost& host, const std::stop_token& stop);
  [[nodiscard]] bool WentOn(const Containers& now) const;

  const ServiceConfig service_;
  const StartTiming patience_;
  // What was running, in the order in which it starts; as of the end of Stop.
  Containers running_;
  Containers held_;     // what was paused then
  LastRuns last_runs_;  // of all of the project
  RestSpan at_rest_;
  std::vector<std::string> warnings_;
  std::vector<MountingContainer> mounts_;
  std::unique_ptr<ServiceControl> starter_;  // if all of it had to be started
  // Whether a pause that was asked for may be under way: such a container may be paused at any
  // time, also after it was unpaused.
  bool in_doubt_ = false;
};

}  // namespace orcio::inline archiver

#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archiver/control/container_wait.h"
#include "archiver/control/service_control.h"
#include "archiver/control/start_timing.h"
#include "archiver/docker/compose_tool.h"
#include "archiver/docker/docker.h"
#include "archiver/docker/project_containers.h"

namespace orcio::inline archiver {

// The containers of a compose project. They are found by their labels, so it does not matter where
// the compose files are. Stopped and started by docker in the order of their dependencies, each in
// one command to the host; by compose, which takes seconds longer, only for the sake of hooks in
// the files that they were made from.
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
  // Nothing, if the host tells its time: docker's record of when containers started and ended is
  // there afterwards, too.
  [[nodiscard]] Result<void> LookBeforeStart(RemoteHost& host,
                                             const std::stop_token& stop) override;
  // Asks the host nothing if Start could do it while it waited.
  [[nodiscard]] Result<void> JudgeAfterStart(RemoteHost& host,
                                             const std::stop_token& stop) override;
  [[nodiscard]] std::optional<double> NotRunning() const override { return not_running_; }
  void StopMayGoOn() override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct StartTime {
    Clock::time_point asked;
    Clock::time_point deadline;
    bool first;  // no earlier attempt may have started anything
  };

  void SetRunning(const Containers& running);
  Result<void> StopByDocker(RemoteHost& host, const std::stop_token& stop);
  [[nodiscard]] std::string StopScript() const;
  [[nodiscard]] std::vector<std::string> StopWords() const;
  bool NoteStopped(const DockerLook& look);
  [[nodiscard]] Containers StoppedByOrcio() const;
  Result<void> FinishStop(RemoteHost& host, const std::stop_token& stop);
  Result<void> BringUp(RemoteHost& host, const std::stop_token& stop);
  Result<Containers> FindAgain(RemoteHost& host, const std::stop_token& stop);
  Containers TakeOver(const Containers& present);
  void Replace(DockerContainer& container, const DockerContainer& made);
  [[nodiscard]] std::string MadeAnew() const;
  Result<bool> StartByCompose(RemoteHost& host, const StartTime& time, const std::stop_token& stop);
  Result<void> StartByDocker(RemoteHost& host, StartTime& time, const std::stop_token& stop);
  Result<DockerLook> StartSome(RemoteHost& host, size_t begin, size_t end, bool first,
                               const std::stop_token& stop);
  [[nodiscard]] std::string StartLines(size_t begin, size_t end,
                                       const std::set<std::string>& gone) const;
  Result<void> LookBack(RemoteHost& host, const std::stop_token& stop);
  void NoteStarted(const RemoteHost& host, const DockerLook& look, bool first);
  [[nodiscard]] Containers AwaitedOf(size_t level) const;
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
  LastRuns last_runs_;
  RestSpan at_rest_;
  Containers stopped_;  // what was stopped, once it was
  bool start_tried_ = false;
  std::optional<Error> disturbed_;  // what was found out about the time at rest by starting it
  bool rested_ = false;             // nothing had disturbed it, by docker's whole record
  std::optional<double> not_running_;
  std::vector<UncheckedContainer> unchecked_;
  std::optional<std::set<std::string>> known_;  // ids of all that the project had before
  std::set<std::string> gone_;                  // names of those that compose had to make anew
  std::string images_;  // what is to be said of the images that they were made of
  bool remade_ = false;
  std::optional<Error> not_remade_;  // why it could not
  std::vector<std::string> start_warnings_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/control/start_timing.h"
#include "archiver/control/systemd_parts.h"
#include "archiver/control/systemd_units.h"

namespace orcio::inline archiver {

// systemd units of the system manager, with what systemd stops with them and what would start them
// again (FindUnits), in systemd's own order, else in the list's. Each listed unit that runs starts
// after the one before it is up, and stops before that does; what joined it does so by the same
// command, or by that of the last one it comes after.
class SystemdControl : public ServiceControl {
 public:
  explicit SystemdControl(const ServiceConfig& service, const StartTiming& patience = {})
      : service_(service), patience_(patience) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::vector<std::string> Warnings() const override { return warnings_; }
  [[nodiscard]] std::string Memory() const override { return MemoryOf(running_); }
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override { return StartScriptOf(running_); }
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  // Looks at every unit of the service, and at those that joined it. One that was started, has
  // ended and was forgotten by systemd meanwhile, as it forgets what nothing refers to, is not
  // noticed.
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;
  // What joined the service and did not return, though nothing of it failed.
  [[nodiscard]] Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) override;

  // After Inspect: when a stop counts as failed.
  [[nodiscard]] std::chrono::seconds StopLimit() const;

 private:
  // What systemd knows of a unit's latest start: another one has another invocation, even if it
  // fails, and another time once the unit is active.
  struct LastStart {
    std::string invocation;
    std::string entered;
  };

  Result<void> StartTogether(RemoteHost& host, const std::vector<UnitPart>& parts,
                             const std::stop_token& stop);
  Result<void> StopTogether(RemoteHost& host, const std::vector<std::string>& units,
                            std::chrono::steady_clock::time_point deadline,
                            const std::stop_token& stop);
  Result<std::optional<FoundUnit>> LookAtStop(RemoteHost& host, std::set<std::string>& left,
                                              const std::stop_token& stop);
  [[nodiscard]] static bool IsUp(const UnitPart& part, const UnitState& state);
  [[nodiscard]] static std::optional<size_t> FindDown(const std::vector<UnitPart>& parts,
                                                      const std::vector<UnitState>& states,
                                                      bool late);
  void NoteAway(const RemoteHost& host, const std::vector<UnitPart>& parts,
                const std::vector<UnitState>& states);
  // Up for `stable` without a restart.
  Result<void> ConfirmUp(RemoteHost& host, const std::vector<UnitPart>& parts,
                         std::chrono::milliseconds stable,
                         std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& stop);

  const ServiceConfig service_;
  const StartTiming patience_;
  std::vector<UnitPart> running_;     // as they were found
  std::vector<std::string> watched_;  // what was running, and what of the configuration was down
  std::vector<std::string> warnings_;
  std::vector<std::string> away_;          // warnings of the latest start
  std::chrono::seconds own_stop_time_{0};  // of all that was running, one after another
  // Of each unit, as of its stop; of one that was not running, as of Inspect.
  std::map<std::string, LastStart> last_starts_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/control/start_timing.h"
#include "archiver/control/systemd_units.h"

namespace orcio::inline archiver {

// systemd units of the system manager, with what systemd stops with them and what would start them
// again (FindUnits): stopped by one command, and started by one, in systemd's own order.
class SystemdControl : public ServiceControl {
 public:
  explicit SystemdControl(const ServiceConfig& service, const StartTiming& patience = {})
      : service_(service), patience_(patience) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::vector<std::string> Warnings() const override { return warnings_; }
  [[nodiscard]] std::string Memory() const override;
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override;
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  // Looks at every unit of the service, and at those that joined it. One that was started, has
  // ended and was forgotten by systemd meanwhile, as it forgets what nothing refers to, is not
  // noticed.
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;

  // After Inspect: when a stop counts as failed.
  [[nodiscard]] std::chrono::seconds StopLimit() const;

 private:
  // What systemd knows of a unit's latest start: another one has another invocation, even if it
  // fails, and another time once the unit is active.
  struct LastStart {
    std::string invocation;
    std::string entered;
  };

  Result<std::optional<FoundUnit>> LookAtStop(RemoteHost& host, std::set<std::string>& left,
                                              const std::stop_token& stop);
  [[nodiscard]] std::optional<size_t> FindDown(const std::vector<UnitState>& states,
                                               bool late) const;
  Result<void> ConfirmUp(RemoteHost& host, std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& stop);

  const ServiceConfig service_;
  const StartTiming patience_;
  std::vector<std::string> running_;  // in the order of starting
  // Of these, those that were not up: a oneshot at its work, one that keeps failing to start.
  std::set<std::string> activating_;
  std::vector<std::string> watched_;  // what was running, and what of the configuration was down
  std::vector<std::string> warnings_;
  std::chrono::seconds own_stop_time_{0};  // of all that was running, one after another
  // Of each unit, as of its stop; of one that was not running, as of Inspect.
  std::map<std::string, LastStart> last_starts_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <map>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/control/start_timing.h"

namespace orcio::inline archiver {

// systemd units of the system manager: stopped in the reverse of the order in which the
// configuration names them, and started in that order.
class SystemdControl : public ServiceControl {
 public:
  explicit SystemdControl(const ServiceConfig& service, const StartTiming& patience = {})
      : service_(service), patience_(patience) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::string Memory() const override;
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override;
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  // Looks at every unit of the service. One that was started, has ended and was forgotten by
  // systemd meanwhile, as it forgets what nothing refers to, is not noticed.
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;

 private:
  // What systemd knows of a unit's latest start: another one has another invocation, even if it
  // fails, and another time once the unit is active.
  struct LastStart {
    std::string invocation;
    std::string entered;
  };

  Result<void> StopUnit(RemoteHost& host, const std::string& unit, const std::stop_token& stop);
  Result<void> ConfirmUp(RemoteHost& host, std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& stop);

  const ServiceConfig service_;
  const StartTiming patience_;
  std::vector<std::string> running_;  // in the order of starting
  // Of each unit, as of its stop; of one that was not running, as of Inspect.
  std::map<std::string, LastStart> last_starts_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <string>
#include <vector>

#include "archiver/control/service_control.h"

namespace orcio::inline archiver {

// The administrator's own commands, each run by the host's sh. With a status command, a service
// that does not run when inspected is neither stopped nor started.
class CommandControl : public ServiceControl {
 public:
  explicit CommandControl(const ServiceConfig& service) : service_(service) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] std::vector<std::string> Running() const override;
  [[nodiscard]] std::string Memory() const override { return running_ ? "true" : "false"; }
  [[nodiscard]] Result<void> Recall(const std::string& memory) override;
  [[nodiscard]] std::string StartScript() const override;
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override;
  // Knows it by the status command alone.
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;

 private:
  // Asks the status command until it says `running`, or `limit` has passed: then false.
  Result<bool> Await(RemoteHost& host, bool running, std::chrono::seconds limit,
                     const std::stop_token& stop);

  const ServiceConfig service_;
  bool running_ = false;
};

// A service that runs on while it is archived.
class NoControl : public ServiceControl {
 public:
  [[nodiscard]] Result<void> Inspect(RemoteHost&, const std::stop_token&) override { return {}; }
  [[nodiscard]] std::vector<std::string> Running() const override { return {}; }
  [[nodiscard]] Result<void> Stop(RemoteHost&, const std::stop_token&) override { return {}; }
  [[nodiscard]] Result<void> Start(RemoteHost&, const std::stop_token&) override { return {}; }
};

}  // namespace orcio::inline archiver

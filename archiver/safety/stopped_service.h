#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/safety/safety_net.h"
#include "base/error.h"

namespace orcio::inline archiver {

// A service from the moment it is about to be stopped: whichever way this goes out of scope, an
// exception included, the service is started again before.
class StoppedService {
 public:
  struct Retry {
    std::chrono::seconds limit;  // while the host is away
    std::chrono::seconds pause;  // doubles, up to 30 s
  };

  StoppedService(RemoteHost& host, ServiceControl& control, SafetyNet& net, Retry retry)
      : host_(host), control_(control), net_(net), retry_(retry) {}
  ~StoppedService();
  StoppedService(const StoppedService&) = delete;
  StoppedService& operator=(const StoppedService&) = delete;

  // Starts it and returns once it is confirmed running and its guard disarmed, connecting anew as
  // often as that takes. If the host answers and says no, it is asked again ten times only: a
  // host that has just booted refuses logins for a while, a changed host key stays. A service that
  // is not confirmed running keeps its journal; it keeps its guard too if the host is away.
  [[nodiscard]] Result<void> Start(const std::stop_token& stop = {});
  // When that was known of the service, whatever had to be cleaned up then; now, before that.
  [[nodiscard]] std::chrono::steady_clock::time_point known() const {
    return known_.value_or(std::chrono::steady_clock::now());
  }

 private:
  Result<void> Try(const std::stop_token& stop);
  Result<void> BringUp(const std::stop_token& stop);

  RemoteHost& host_;
  ServiceControl& control_;
  SafetyNet& net_;
  const Retry retry_;
  bool started_ = false;
  std::optional<std::chrono::steady_clock::time_point> known_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config.h"
#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

// Stops a service and starts again what was running of it, and only that. One object a run; its
// functions are called in the order Inspect, Stop, Start, by one thread.
class ServiceControl {
 public:
  virtual ~ServiceControl() = default;

  // Finds the service's parts and remembers which are running. kNotFound where the host knows no
  // such service; kRemote, naming what is missing and what to install, where the host lacks the
  // tools.
  [[nodiscard]] virtual Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) = 0;

  // For people: the parts that were running when inspected, e.g. container names, in the order they
  // are stopped.
  [[nodiscard]] virtual std::vector<std::string> Running() const = 0;

  // For the run's facts: what the archive may suffer from, e.g. something of the service that
  // writes and is left running.
  [[nodiscard]] virtual std::vector<std::string> Warnings() const { return {}; }

  // Stops what was running and returns once it has stopped. After any error some of it may be
  // stopped: call Start.
  [[nodiscard]] virtual Result<void> Stop(RemoteHost& host, const std::stop_token& stop) = 0;

  // Starts exactly what was running when inspected, whatever state it is in by now, and returns
  // once it is confirmed running (healthy, where it has a health check). kNotRunning where it does
  // not come up within the service's start_timeout, naming which part; kNetwork where the host is
  // away: connect again and call again.
  [[nodiscard]] virtual Result<void> Start(RemoteHost& host, const std::stop_token& stop) = 0;
};

[[nodiscard]] std::unique_ptr<ServiceControl> MakeServiceControl(const ServiceConfig& service);

}  // namespace orcio

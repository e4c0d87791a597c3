#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/docker/docker_mount.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// For a stop command, if the configuration sets no time; for units, if theirs are shorter.
inline constexpr std::chrono::seconds kDefaultStopLimit{600};

// Stops a service and starts again what was running of it, and only that. One object a run; its
// functions are called in the order Inspect, Stop, ConfirmAtRest, Start, by one thread; Stop and
// Start only if something was running.
class ServiceControl {
 public:
  virtual ~ServiceControl() = default;

  // Finds the service's parts and remembers which are running. kNotFound if the host knows no
  // such service; kRemote, naming what is missing and what to install, if the host lacks the
  // tools.
  [[nodiscard]] virtual Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) = 0;

  // For people: the parts that were running when inspected, e.g. container names, in the order they
  // are stopped.
  [[nodiscard]] virtual std::vector<std::string> Running() const = 0;

  // For the run's facts: what the archive may suffer from, e.g. something of the service that
  // writes and is left running.
  [[nodiscard]] virtual std::vector<std::string> Warnings() const { return {}; }

  // What the service's containers, running or not, keep on the host's disks, as inspected; none of
  // a service without containers.
  [[nodiscard]] virtual std::vector<MountingContainer> Mounts() const { return {}; }

  // What Inspect found, as JSON that Recall understands, in another process too.
  [[nodiscard]] virtual std::string Memory() const { return "{}"; }
  // In place of Inspect: Start will start what `memory` names. kDamaged if that makes no sense.
  [[nodiscard]] virtual Result<void> Recall(const std::string& /*memory*/) { return {}; }

  // For the guard on the host (guard_script.h), which starts what is running without orcio. POSIX
  // shell functions: start_all asks what is not up to start, and sets up=no if there was any;
  // finish_stop waits for stops that orcio asked for and that are still under way. `within SECONDS
  // COMMAND...` is there for them, in /, and `in_session COMMAND...`, without a limit, in the
  // directory that Start would run it in, if that can be entered: both with the environment that
  // Start would. What is gone, and cannot be started, start_all adds to `gone`, a word each. If
  // puts_back is set, put_back comes before start_all, which is not called if that fails.
  [[nodiscard]] virtual std::string StartScript() const {
    return "start_all() { :; }\nfinish_stop() { :; }\n";
  }

  // Stops what was running and returns once it has stopped. After any error some of it may be
  // stopped: call Start.
  [[nodiscard]] virtual Result<void> Stop(RemoteHost& host, const std::stop_token& stop) = 0;

  // Whether all of the service, what was not running before included, has been at rest since Stop,
  // or since Inspect if nothing was to be stopped: kRemote, naming what was started meanwhile
  // and by whom it may have been, if it was not.
  [[nodiscard]] virtual Result<void> ConfirmAtRest(RemoteHost& /*host*/,
                                                   const std::stop_token& /*stop*/) {
    return {};
  }

  // The same in two halves, for whoever starts the service in any case: nothing that does not have
  // to be done before the start stands between the last byte and it.
  [[nodiscard]] virtual Result<void> LookBeforeStart(RemoteHost& host,
                                                     const std::stop_token& stop) {
    return ConfirmAtRest(host, stop);
  }
  // After Start, which may have failed.
  [[nodiscard]] virtual Result<void> JudgeAfterStart(RemoteHost& /*host*/,
                                                     const std::stop_token& /*stop*/) {
    return {};
  }
  // After JudgeAfterStart, by the host's own record and clock: seconds from the end of the first
  // part to the last one's start. Nothing if there is no such record.
  [[nodiscard]] virtual std::optional<double> NotRunning() const { return std::nullopt; }

  // A stop that was asked for may still be under way, though nobody waits for it: Start has to.
  virtual void StopMayGoOn() {}

  // Starts exactly what was running when inspected, whatever state it is in by now, and returns
  // once it is confirmed running (healthy, if it has a health check that is due by then).
  // kNotRunning if it does not come up within the service's start_timeout, naming which part;
  // kNetwork if the host is away: connect again and call again.
  [[nodiscard]] virtual Result<void> Start(RemoteHost& host, const std::stop_token& stop) = 0;

  // Some time after Start, at the end of the run: what Start had to take for running, though its
  // health check was not due. For the run's facts, what is not known even now. kNotRunning if it
  // is not well. Once: after that there is nothing to look at.
  [[nodiscard]] virtual Result<std::vector<std::string>> LookAgain(
      RemoteHost& /*host*/, const std::stop_token& /*stop*/) {
    return std::vector<std::string>();
  }
};

// As the service's `control` and `mode` have it.
[[nodiscard]] std::unique_ptr<ServiceControl> MakeServiceControl(const ServiceConfig& service);

}  // namespace orcio::inline archiver

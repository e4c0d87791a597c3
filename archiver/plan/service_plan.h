#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/listing/remote_listing.h"
#include "archiver/plan/volume_check.h"
#include "archiver/tar/remote_tar.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What archiving a service would do, found out without touching it.
struct ServicePlan {
  RemoteTar tar;
  std::vector<std::string> stops;  // what is running, in the order it would be stopped
  std::string command;             // the remote tar's
  Wire wire = Wire::kNone;         // chosen right before the run; never kAuto
  // The service's, but kStop if that is kPrecopy and the host's files do not tell what changed.
  Mode mode = Mode::kStop;
  ListingTool listing;                    // of kPrecopy
  std::string no_precopy;                 // why not, for people; empty if nothing gave way
  std::optional<std::string> slow_shell;  // SlowShell's
  std::optional<std::string> no_input;    // CheckShell's, if that does no harm
  // Where docker has mounted what is lost on nobody once it unmounts it; known after PlanWarnings.
  std::vector<std::string> fleeting;
  // Both by PlanWarnings: where its volumes are, and what other containers ran, if that is told.
  VolumeCheck volumes;
  std::optional<std::vector<MountingContainer>> others;
};

// Whether a run sends anything to the standard input of a command: a guard's program, a list.
[[nodiscard]] bool SendsInput(const ServiceConfig& service);

// Logs in, looks for tar, paths and the service's parts. Everything that can go wrong before a
// service is stopped goes wrong here. `control` has been inspected afterwards.
[[nodiscard]] Result<ServicePlan> PlanService(const ServiceConfig& service, RemoteHost& host,
                                              ServiceControl& control, const std::stop_token& stop);

// What an archive may suffer from, or lack, as far as that is known before the service is stopped:
// what its parts are, what this tar does not keep, what its containers keep where no path is, what
// other containers may write meanwhile.
// `neighbours` is what the configuration has on that host; empty for the service alone. `control`
// has been inspected.
[[nodiscard]] std::vector<std::string> PlanWarnings(
    ServicePlan& plan, const ServiceConfig& service,
    const std::vector<const ServiceConfig*>& neighbours, RemoteHost& host,
    const ServiceControl& control, const std::stop_token& stop);

// What is known only once the service runs again: which other containers were started since
// PlanWarnings, or, if its units or commands may be about any, have not been stopped.
[[nodiscard]] std::vector<std::string> LateWarnings(const ServicePlan& plan,
                                                    const ServiceConfig& service, RemoteHost& host,
                                                    const std::stop_token& stop);

}  // namespace orcio::inline archiver

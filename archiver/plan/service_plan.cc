#include "archiver/plan/service_plan.h"

#include <algorithm>

#include "archiver/host/shell_check.h"
#include "archiver/plan/other_writers.h"
#include "archiver/plan/volume_check.h"

namespace orcio::inline archiver {
namespace {

Result<void> PlanMode(const ServiceConfig& service, RemoteHost& host, ServicePlan& plan,
                      const std::stop_token& stop) {
  plan.mode = service.mode;
  if (service.mode != Mode::kPrecopy) return {};
  auto listing = DetectListing(host, service, plan.tar, stop);
  if (listing) {
    plan.listing = *listing;
    return {};
  }
  if (listing.error().kind != ErrorKind::kUnsupported) return Failure(std::move(listing).error());
  plan.mode = Mode::kStop;
  plan.no_precopy = std::move(listing).error().message;
  return {};
}

// A service would be stopped in vain, and started by its guard.
Result<void> CheckBeat(const ServiceConfig& service, const ServicePlan& plan,
                       std::chrono::milliseconds command_time) {
  if (plan.stops.empty() || !plan.slow_shell || !service.guard) return {};
  const auto longest = LongestBeat(*service.guard);
  if (command_time < longest) return {};
  return Fail(ErrorKind::kRemote,
              "{}; no sign of life would come to the guard of {} within the {} s that one may take",
              *plan.slow_shell, service.name, longest.count());
}

// What its containers keep where no path is would be missed on the day of a restore; and what
// others write meanwhile, too.
std::vector<std::string> MountWarnings(const ServiceConfig& service,
                                       const std::vector<const ServiceConfig*>& neighbours,
                                       RemoteHost& host, const ServiceControl& control,
                                       ServicePlan& plan, const std::stop_token& stop) {
  VolumeCheck& check = plan.volumes;
  check = {neighbours, control.Mounts(), {}, {}};
  if (check.services.empty()) check.services = {&service};
  const auto mounts_any = [](const MountingContainer& container) {
    return !container.mounts.empty();
  };
  plan.others = RunningOthers(service, host, stop);
  const bool alone = !plan.others || plan.others->empty();
  if (alone && std::none_of(check.containers.begin(), check.containers.end(), mounts_any))
    return {};
  LookAtPlaces(host, check, stop);
  plan.fleeting = FleetingSources(check, service);
  auto warnings = UncoveredWarnings(check, service);
  if (alone || !KnowsItsContainers(service)) return warnings;
  for (auto& warning : WriterWarnings(check, service, *plan.others))
    warnings.push_back(std::move(warning));
  return warnings;
}

}  // namespace

bool SendsInput(const ServiceConfig& service) {
  if (service.mode == Mode::kPrecopy) return true;
  return service.guard && service.control != ControlKind::kNone;
}

Result<ServicePlan> PlanService(const ServiceConfig& service, RemoteHost& host,
                                ServiceControl& control, const std::stop_token& stop) {
  ORCIO_TRY(host.Connect(stop));
  ServicePlan plan;
  const auto command_time =
      ORCIO_TRY(CheckShell(host, stop, SendsInput(service) ? nullptr : &plan.no_input));
  plan.slow_shell = SlowShell(host.name(), command_time);
  plan.tar = ORCIO_TRY(DetectRemoteTar(host, stop));
  ORCIO_TRY(CheckRemoteTar(plan.tar, service));
  ORCIO_TRY(CheckRemotePaths(host, service, stop));
  ORCIO_TRY(PlanMode(service, host, plan, stop));
  ORCIO_TRY(control.Inspect(host, stop));
  plan.stops = control.Running();
  ORCIO_TRY(CheckBeat(service, plan, command_time));
  plan.command = MakeTarCommand(plan.tar, service);
  return plan;
}

std::vector<std::string> PlanWarnings(ServicePlan& plan, const ServiceConfig& service,
                                      const std::vector<const ServiceConfig*>& neighbours,
                                      RemoteHost& host, const ServiceControl& control,
                                      const std::stop_token& stop) {
  std::vector<std::string> warnings = control.Warnings();
  if (plan.slow_shell) warnings.push_back(*plan.slow_shell);
  if (plan.no_input) warnings.push_back(*plan.no_input);
  if (auto losses = plan.tar.Losses(); !losses.empty()) warnings.push_back(std::move(losses));
  for (auto& warning : MountWarnings(service, neighbours, host, control, plan, stop))
    warnings.push_back(std::move(warning));
  return warnings;
}

std::vector<std::string> LateWarnings(const ServicePlan& plan, const ServiceConfig& service,
                                      RemoteHost& host, const std::stop_token& stop) {
  if (!plan.others) return {};
  const auto now = RunningOthers(service, host, stop);
  if (!now) return {};
  const auto late = LateWriters(service, *plan.others, *now);
  return WriterWarnings(plan.volumes, service, late,
                        KnowsItsContainers(service) ? "started since the run began" : "");
}

}  // namespace orcio::inline archiver

#include "archiver/plan/service_plan.h"

#include <algorithm>

#include "archiver/host/remote_text.h"
#include "archiver/host/sudo_advice.h"
#include "archiver/plan/other_writers.h"
#include "archiver/plan/volume_check.h"

namespace orcio::inline archiver {
namespace {

std::string ShellAdvice(const CommandResult& result) {
  if (result.err.find("orcio-host: refused") != std::string::npos)
    return "install the orcio-host of this version of orcio there";
  return SudoAdvice(result.err)
      .value_or(
          "see that the login user has a shell there (`getent passwd USER`) whose start-up files "
          "let commands run");
}

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

Result<void> CheckShell(RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(":", {}, stop));
  if (!result.begun) {
    return Fail(ErrorKind::kRemote, "{}: no command runs there (exit status {}): {}; {}",
                host.name(), result.exit_status, Excerpt(result.err + "\n" + result.out),
                ShellAdvice(result));
  }
  if (result.out.empty()) return {};
  return Fail(ErrorKind::kRemote,
              "{}: something there prints to standard output while a command runs, or after it "
              "({}), which would get into the archive: look at ForceCommand in sshd_config, and "
              "for what the start-up files of the login shell (~/.bashrc) leave running",
              host.name(), Excerpt(result.out, 1));
}

Result<ServicePlan> PlanService(const ServiceConfig& service, RemoteHost& host,
                                ServiceControl& control, const std::stop_token& stop) {
  ORCIO_TRY(host.Connect(stop));
  ORCIO_TRY(CheckShell(host, stop));
  ServicePlan plan;
  plan.tar = ORCIO_TRY(DetectRemoteTar(host, stop));
  ORCIO_TRY(CheckRemoteTar(plan.tar, service));
  ORCIO_TRY(CheckRemotePaths(host, service, stop));
  ORCIO_TRY(PlanMode(service, host, plan, stop));
  ORCIO_TRY(control.Inspect(host, stop));
  plan.stops = control.Running();
  plan.command = MakeTarCommand(plan.tar, service);
  return plan;
}

std::vector<std::string> PlanWarnings(ServicePlan& plan, const ServiceConfig& service,
                                      const std::vector<const ServiceConfig*>& neighbours,
                                      RemoteHost& host, const ServiceControl& control,
                                      const std::stop_token& stop) {
  std::vector<std::string> warnings = control.Warnings();
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

#include "archiver/service_plan.h"

#include "archiver/remote_text.h"

namespace orcio {

// What a login shell's start-up file prints comes before the output of every command, the tar's
// among them. Looked at here, where nothing has been stopped, and not where a service waits to be
// started again.
Result<void> CheckQuiet(RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(":", {}, stop));
  if (result.out.empty()) return {};
  return Fail(ErrorKind::kRemote,
              "{}: the login shell there prints to standard output before it runs a command ({}), "
              "which would get into the archive: let its start-up files print on a terminal only, "
              "e.g. by `[ -t 1 ] || return` at the beginning of ~/.bashrc",
              host.name(), Excerpt(result.out, 1));
}

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

}  // namespace

Result<ServicePlan> PlanService(const ServiceConfig& service, RemoteHost& host,
                                ServiceControl& control, const std::stop_token& stop) {
  ORCIO_TRY(host.Connect(stop));
  ORCIO_TRY(CheckQuiet(host, stop));
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

}  // namespace orcio

#include "archiver/service_plan.h"

namespace orcio {

Result<ServicePlan> PlanService(const ServiceConfig& service, RemoteHost& host,
                                ServiceControl& control, const std::stop_token& stop) {
  ORCIO_TRY(host.Connect(stop));
  ServicePlan plan;
  plan.tar = ORCIO_TRY(DetectRemoteTar(host, stop));
  ORCIO_TRY(CheckRemoteTar(plan.tar, service));
  ORCIO_TRY(CheckRemotePaths(host, service, stop));
  ORCIO_TRY(control.Inspect(host, stop));
  plan.stops = control.Running();
  plan.command = MakeTarCommand(plan.tar, service);
  return plan;
}

}  // namespace orcio

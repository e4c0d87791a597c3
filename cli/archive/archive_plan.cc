#include "cli/archive/archive_plan.h"

#include <optional>

#include "archiver/config/service_names.h"
#include "archiver/outcome/outcome_text.h"
#include "archiver/plan/run_estimate.h"
#include "archiver/plan/service_plan.h"
#include "base/text/words.h"
#include "cli/output/text.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/recovery.h"
#include "index/repository/repository.h"

namespace orcio::cli {
namespace {

nlohmann::json ToJson(const RunEstimate& estimate) {
  nlohmann::json object = {{"date", estimate.date},
                           {"tar_bytes", estimate.tar_bytes},
                           {"bytes", estimate.archive_bytes}};
  if (estimate.downtime) object["downtime"] = ToJson(*estimate.downtime);
  if (estimate.tar_bytes_a_second > 0) object["tar_bytes_per_second"] = estimate.tar_bytes_a_second;
  if (estimate.wire) object["wire"] = ToJson(*estimate.wire);
  if (estimate.transfer) {
    object["warm_bytes"] = estimate.transfer->warm_bytes;
    object["cold_bytes"] = estimate.transfer->cold_bytes;
  }
  return object;
}

std::string NoEarlierRun(const ServicePlan& plan) {
  return fmt::format("unknown: no earlier run with mode {}", NameOf(plan.mode));
}

// What the run may take, for people.
std::string EstimateWords(const RunEstimate& estimate, const ServiceConfig& service) {
  std::string text = "down for nothing";
  if (const auto& down = estimate.downtime) {
    text = fmt::format("down for about {}", DowntimeWords(*down));
    if (service.max_downtime &&
        down->total() > static_cast<double>(service.max_downtime->count())) {
      text += fmt::format(", longer than its max_downtime, {} s", service.max_downtime->count());
    }
  }
  text += estimate.transfer
              ? fmt::format(", bringing {} while it runs{} and {} while it is stopped",
                            FormatBytes(estimate.transfer->warm_bytes),
                            estimate.transfer->full ? " (everything)" : "",
                            FormatBytes(estimate.transfer->cold_bytes))
              : fmt::format(", bringing {}", FormatBytes(estimate.tar_bytes));
  if (const auto& wire = estimate.wire)
    text += fmt::format(", {} of {} over the link", FormatBytes(wire->bytes), wire->packer);
  return text + ", by the run of " + estimate.date;
}

void ShowPlan(const Context& context, const ServiceConfig& service, const ServicePlan& plan,
              const std::optional<RunEstimate>& estimate,
              const std::vector<std::string>& warnings) {
  if (context.json) {
    context.PrintJson({{"type", "plan"},
                       {"service", service.name},
                       {"host", service.host},
                       {"mode", NameOf(plan.mode)},
                       {"stops", plan.stops},
                       {"paths", service.paths},
                       {"tar", plan.tar.description},
                       {"command", plan.command},
                       {"estimate", estimate ? ToJson(*estimate)
                                             : nlohmann::json{{"unknown", NoEarlierRun(plan)}}},
                       {"warnings", warnings}});
    return;
  }
  const bool pauses = plan.mode == Mode::kPause;
  const std::string_view then = pauses ? ", and unpause it" : ", and start it again";
  const std::string why_not = plan.no_precopy.empty() ? "" : ", for " + plan.no_precopy;
  context.Print(
      TerminalSafe(fmt::format("{} on {}: would {} {}, archive {} with {} (mode {}{}){}; {}",
                               service.name, service.host, pauses ? "pause" : "stop",
                               plan.stops.empty() ? "nothing" : Join(plan.stops),
                               Join(service.paths, " "), plan.tar.description, NameOf(plan.mode),
                               why_not, plan.stops.empty() ? "" : then,
                               estimate ? EstimateWords(*estimate, service)
                                        : "downtime and bytes " + NoEarlierRun(plan))) +
      "\n");
}

std::vector<const ServiceConfig*> OnItsHost(const Config& config, const ServiceConfig& service) {
  std::vector<const ServiceConfig*> neighbours;
  for (const ServiceConfig& other : config.services) {
    if (other.host == service.host) neighbours.push_back(&other);
  }
  return neighbours;
}

}  // namespace

ExitCode ShowArchivePlans(const Context& context, const Config& config, const Services& services) {
  const Interrupt interrupt;
  ExitCode code = kDone;
  const Connectors connectors = RealConnectors();
  const auto archives = Repository(LocalFileSystem(), config.repository).List();
  if (!archives) return context.Report(archives.error());
  for (const ServiceConfig* service : services) {
    const auto host = connectors.host(config.hosts.at(service->host));
    const auto control = connectors.control(*service);
    auto plan = PlanService(*service, *host, *control, interrupt.token());
    if (interrupt.requested()) return interrupt.exit_code();
    if (!plan) {
      context.Warn(fmt::format("{} on {}: {}", service->name, service->host, plan.error().message));
      code = Worse(code, ExitCodeOf(plan.error()));
      continue;
    }
    const auto warnings = PlanWarnings(*plan, *service, OnItsHost(config, *service), *host,
                                       *control, interrupt.token());
    if (interrupt.requested()) return interrupt.exit_code();
    ShowPlan(
        context, *service, *plan,
        EstimateRun(LocalFileSystem(), *archives, service->name, plan->mode, !plan->stops.empty()),
        warnings);
    for (const std::string& warning : warnings)
      context.Warn(fmt::format("{} on {}: {}", service->name, service->host, warning));
    if (!warnings.empty()) code = Worse(code, kWarnings);
  }
  return code;
}

}  // namespace orcio::cli

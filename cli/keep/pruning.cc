#include "cli/keep/pruning.h"

#include <ctime>
#include <utility>

#include "archiver/config/config.h"

namespace orcio::cli {

Result<PruneOutcome> PruneService(const Context& context, const Repository& repository,
                                  const std::string& service, const RetentionPolicy& policy,
                                  bool dry_run, const std::filesystem::path& made) {
  PruneOutcome outcome;
  outcome.items = ORCIO_TRY(PlanPrune(repository, service, policy, std::time(nullptr), made));
  for (PruneItem& item : outcome.items) {
    if (!item.reasons.empty()) continue;
    const auto removed = dry_run ? Result<void>() : RemoveArchive(repository.files(), item.archive);
    if (removed) {
      outcome.freed_bytes += item.archive.status.size;
    } else {
      context.Warn(removed.error().message);
      item.reasons.emplace_back("could not be removed");
      outcome.code = kFailed;
    }
  }
  return outcome;
}

// What was archived has room made for it, and no other: a service whose archives fail keeps them
// all.
ExitCode PruneAfter(const Context& context, const Config& config,
                    const std::vector<ServiceOutcome>& outcomes) {
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  ExitCode code = kDone;
  for (const ServiceOutcome& outcome : outcomes) {
    const ServiceConfig* service = config.FindService(outcome.service);
    if (service == nullptr || !service->keep || outcome.archive.empty() || outcome.start_error)
      continue;
    const auto pruned = PruneService(context, *repository, service->name, *service->keep, false,
                                     outcome.archive.filename());
    if (!pruned) {
      code = Worse(code, context.Report(pruned.error()));
      continue;
    }
    code = Worse(code, pruned->code);
    for (const PruneItem& item : pruned->items) {
      if (!item.reasons.empty()) continue;
      if (context.json) {
        context.PrintJson(
            {{"type", "pruned"}, {"service", service->name}, {"date", item.archive.date}});
      } else if (context.verbose > 0 || context.Interactive()) {
        context.Print(fmt::format("{}: removed {}, which no rule of `keep:` keeps\n", service->name,
                                  item.archive.date));
      }
    }
  }
  return code;
}

}  // namespace orcio::cli

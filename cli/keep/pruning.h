#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "archiver/outcome/service_outcome.h"
#include "cli/shared/context.h"
#include "index/upkeep/prune.h"

namespace orcio::cli {

struct PruneOutcome {
  std::vector<PruneItem> items;
  uint64_t freed_bytes = 0;  // of the archives that went, or would go
  ExitCode code = kDone;     // kFailed if one could not be removed, which was said
};

// Applies a service's policy to its archives, or finds out what it would do. `made` as PlanPrune
// has it. The caller holds the repository's lock, unless nothing is to be removed.
[[nodiscard]] Result<PruneOutcome> PruneService(const Context& context,
                                                const Repository& repository,
                                                const std::string& service,
                                                const RetentionPolicy& policy, bool dry_run,
                                                const std::filesystem::path& made = {});

// After a run, whose lock is held: applies the policies of the services that were archived and run
// again. One whose archives fail keeps them all.
[[nodiscard]] ExitCode PruneAfter(const Context& context, const Config& config,
                                  const std::vector<ServiceOutcome>& outcomes);

}  // namespace orcio::cli

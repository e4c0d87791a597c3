#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "archiver/capture/run_options.h"
#include "archiver/config/config.h"
#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/connectors.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// Called on the hosts' threads, several at once; must not block.
struct ArchiveAllObserver {
  std::function<void(const ServiceConfig&, RunPhase)> phase;
  std::function<void(const ServiceConfig&, uint64_t tar_bytes, uint64_t archive_bytes)> progress;
  // Once a service is done with, its hooks included.
  std::function<void(const ServiceOutcome&)> finished;
};

// Archives `services`, which are among the configuration's, into its repository, whose lock the
// caller holds. Up to four hosts at a time share the writer's threads and memory; the services of
// one host follow one another, in order. One that fails stops no other. After a stop request the
// running ones end as RunService says and the rest are kCancelled. Outcomes are in the order of
// `services`.
//
// A service's hooks run here (telling.h), before it is touched and once it is done with. Services
// that were never begun have none.
[[nodiscard]] std::vector<ServiceOutcome> ArchiveAll(
    const Config& config, const std::vector<const ServiceConfig*>& services,
    const Connectors& connectors, const ServiceRunOptions& options,
    const ArchiveAllObserver& observer, const std::stop_token& stop);

}  // namespace orcio::inline archiver

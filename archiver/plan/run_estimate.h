#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "index/files/file_system.h"
#include "index/repository/repository.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// What a run may take, by what an earlier one took.
struct RunEstimate {
  std::string date;                       // of that run's archive, as listed
  std::optional<Downtime> downtime;       // nothing if nothing would be stopped
  std::optional<TransferFacts> transfer;  // `mode: precopy`
  uint64_t tar_bytes = 0;                 // that come over the link
  std::optional<WireFacts> wire;          // if they were compressed on the way
  uint64_t archive_bytes = 0;
  // At which the tar came while the service was stopped; 0 if that says nothing.
  double tar_bytes_a_second = 0;
};

// How much of a service's tar is to come, by its last complete archive; 0 if nobody knows.
struct ExpectedBytes {
  uint64_t running_bytes = 0;  // while it runs, with `mode: precopy`
  uint64_t stopped_bytes = 0;  // while it is stopped, paused, or in the mode that stops nothing
};

// Of a repository's archives, as Repository::List has them.
[[nodiscard]] ExpectedBytes ExpectBytes(const FileSystem& files,
                                        const std::vector<ArchiveFile>& archives,
                                        const ServiceConfig& service);

// By the newest complete archive of `service` that was made in that mode; if something of it
// `stops`, by the newest over which something was stopped. Nothing if there is none. `archives`
// are a repository's, as Repository::List has them.
[[nodiscard]] std::optional<RunEstimate> EstimateRun(const FileSystem& files,
                                                     const std::vector<ArchiveFile>& archives,
                                                     const std::string& service, Mode mode,
                                                     bool stops);

}  // namespace orcio::inline archiver

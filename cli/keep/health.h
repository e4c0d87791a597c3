#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "base/error.h"
#include "index/repository/repository.h"
#include "index/sidecar/run_facts.h"

namespace orcio::cli {

// How a service's backups do. The numbers are what Nagios and its kin take for them.
enum class Health { kGood = 0, kWarning = 1, kCritical = 2 };

// The last complete archive.
struct LastArchive {
  std::string date;
  int64_t seconds = 0;  // its date, since the epoch
  int64_t age_seconds = 0;
  uint64_t bytes = 0;
  std::optional<RunFacts> facts;
};

// When any archive of a service was last verified, since the epoch. The newest is often too young
// to have been.
struct LastVerified {
  std::optional<int64_t> full_seconds;   // every byte was read
  std::optional<int64_t> quick_seconds;  // the structure alone
  // In either way.
  [[nodiscard]] std::optional<int64_t> seconds() const {
    return std::max(full_seconds, quick_seconds);
  }
};

struct ServiceHealth {
  std::string service;
  std::string host;
  Health health = Health::kGood;
  std::string words;  // what is wrong; empty if nothing is
  size_t archives = 0;
  std::optional<LastArchive> last;
  LastVerified verified;
};

// Looks at the archives of every service of the configuration, by their sidecars alone, and at what
// runs have left. The error if they may not be read.
[[nodiscard]] Result<std::vector<ServiceHealth>> LookAtServices(const Config& config,
                                                                const Repository& repository,
                                                                int64_t now_seconds);

// The same for Prometheus' text format (its exposition_formats document), as node_exporter reads it
// from a file.
[[nodiscard]] std::string ToPrometheus(const std::vector<ServiceHealth>& services);

}  // namespace orcio::cli

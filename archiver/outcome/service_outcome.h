#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// What came of archiving one service. Both may have failed: then `error` says why there is no
// archive and `start_error` why the service is not confirmed running again, which is the worse of
// the two (exit 20).
struct ServiceOutcome {
  std::string service;
  std::string host;
  std::optional<Error> error;
  std::optional<Error> start_error;
  std::filesystem::path archive;  // empty if none was published
  uint64_t tar_bytes = 0;
  uint64_t archive_bytes = 0;
  uint64_t entries = 0;
  double seconds = 0;  // wall time of all of it
  RunFacts facts;
  std::optional<Error> hook_error;  // of the hooks told of this; changes nothing else
  std::optional<Error> ping_error;  // likewise
};

}  // namespace orcio::inline archiver

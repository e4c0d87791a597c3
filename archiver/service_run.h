#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config.h"
#include "archiver/pace_limit.h"
#include "archiver/remote_host.h"
#include "archiver/service_control.h"
#include "index/archive_writer.h"
#include "index/error.h"
#include "index/run_facts.h"

namespace orcio {

// What came of archiving one service. Both may have failed: then `error` says why there is no
// archive and `start_error` why the service is not confirmed running again, which is the worse of
// the two (exit 20).
struct ServiceOutcome {
  std::string service;
  std::string host;
  std::optional<Error> error;
  std::optional<Error> start_error;
  std::filesystem::path archive;  // empty where none was published
  uint64_t tar_bytes = 0;
  uint64_t archive_bytes = 0;
  uint64_t entries = 0;
  double seconds = 0;  // wall time of all of it
  RunFacts facts;
  std::optional<Error> hook_error;  // of the hooks told of this; changes nothing else
  std::optional<Error> ping_error;  // likewise
};

enum class RunPhase {
  kConnecting,
  kCopying,  // `mode: precopy`: the service still runs
  kStopping,
  kStreaming,
  kStarting,
  kFinishing,
};

struct RunObserver {
  // Called on the run's thread; must not block.
  std::function<void(RunPhase)> phase;
  std::function<void(uint64_t tar_bytes, uint64_t archive_bytes)> progress;
};

struct ServiceRunOptions {
  ArchiveWriterOptions writer;
  // How long to go on trying to start a stopped service while its host is away. The guard on the
  // host and the journal at home come on top (safety_net.h).
  std::chrono::seconds start_retry{3600};
  std::chrono::seconds retry_pause{2};
  // A stream that brings less is given up.
  Pace slowest;
  // All services on its host: whose paths cover what its containers mount.
  std::vector<const ServiceConfig*> neighbours;
  // Another connection to the host, for the guard's sake. Needed where the service has one.
  std::function<std::unique_ptr<RemoteHost>()> second_connection;
};

// Archives one service: inspect, stop, stream, start, publish. A service that was stopped is
// started again whatever happens in between, `stop` requested included; the start itself is not
// given up for `stop`. A run whose guard fired, or whose service somebody else started in the
// middle, though it may have been down before, publishes nothing. A service that an earlier run
// left stopped is not archived: that is a start_error.
[[nodiscard]] ServiceOutcome RunService(const ServiceConfig& service, RemoteHost& host,
                                        ServiceControl& control, const FileSystem& files,
                                        const std::filesystem::path& repository,
                                        const ServiceRunOptions& options,
                                        const RunObserver& observer, const std::stop_token& stop);

}  // namespace orcio

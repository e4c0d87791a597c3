#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "base/threads/pace_limit.h"
#include "base/threads/stall_limit.h"
#include "index/archive/write/archive_writer.h"

namespace orcio::inline archiver {

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
  // How the time of a stream's silence passes; by itself without one.
  StallLimit::Wait silence_wait;
  // All services on its host: whose paths cover what its containers mount.
  std::vector<const ServiceConfig*> neighbours;
  // Another connection to the host, for the guard's sake. Needed if the service has one.
  std::function<std::unique_ptr<RemoteHost>()> second_connection;
};

}  // namespace orcio::inline archiver

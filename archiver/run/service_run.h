#pragma once

#include <filesystem>
#include <stop_token>

#include "archiver/capture/run_options.h"
#include "archiver/config/config.h"
#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/outcome/service_outcome.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// What a run works on and with. All of it outlives the run.
struct RunContext {
  const ServiceConfig& service;
  const FileSystem& files;
  const std::filesystem::path& repository;
  const ServiceRunOptions& options;
  const RunObserver& observer;
};

// Archives one service: inspect, stop, stream, start, publish. A service that was stopped is
// started again whatever happens in between, `stop` requested included; the start itself is not
// given up for `stop`. A run whose guard fired, or whose service somebody else started in the
// middle, though it may have been down before, publishes nothing. A service that an earlier run
// left stopped is not archived: that is a start_error.
[[nodiscard]] ServiceOutcome RunService(const RunContext& context, RemoteHost& host,
                                        ServiceControl& control, const std::stop_token& stop);

}  // namespace orcio::inline archiver

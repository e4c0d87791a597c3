#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/capture/run_options.h"
#include "archiver/host/remote_host.h"
#include "archiver/plan/service_plan.h"
#include "archiver/tar/remote_tar.h"
#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/run_facts.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline archiver {

// What a capture works on and with. All of it outlives the capture.
struct CaptureContext {
  const ServiceConfig& service;
  const ServicePlan& plan;
  const FileSystem& files;
  const std::filesystem::path& repository;
  const std::string& name;  // of the archive
  const ServiceRunOptions& options;
  const RunObserver& observer;
  RunFacts& facts;  // warnings and figures go there
};

// How a service's files become an archive, in the order Prepare, Collect, Finish, Describe,
// Publish. What was not published is removed with this. Used by one thread at a time.
class Capture {
 public:
  virtual ~Capture() = default;

  // While the service still runs.
  [[nodiscard]] virtual Result<void> Prepare(RemoteHost& host, const std::stop_token& stop) = 0;
  // After Prepare: ENOSPC if putting the archive together takes more room than there is.
  [[nodiscard]] virtual Result<void> CheckRoom() const { return {}; }
  // While it is stopped: returns once the last byte has arrived. `deadline` is when it must run
  // again, if there is such a time.
  [[nodiscard]] virtual Result<void> Collect(
      RemoteHost& host, std::optional<std::chrono::steady_clock::time_point> deadline,
      const std::stop_token& stop) = 0;
  // What remains to be done for a whole archive; the service is being started meanwhile. The
  // summary lives as long as this.
  [[nodiscard]] virtual Result<const TarSummary*> Finish() = 0;
  // After Finish: what there is to be told of it.
  virtual void Report(RunFacts& /*facts*/) const {}
  [[nodiscard]] virtual Result<void> Describe(const RunFacts& facts) = 0;
  [[nodiscard]] virtual Result<void> Publish() = 0;

  // In place of Finish, if Collect came to nothing for kLimit, once the service runs again: adds
  // what it knows of where that was.
  virtual void Explain(Error& /*error*/) {}

  // In place of Finish, if the time for Collect was not enough, once the service runs again:
  // leaves what the next run can use. Whether there is anything.
  [[nodiscard]] virtual Result<bool> Keep(RemoteHost& /*host*/, const std::stop_token& /*stop*/) {
    return false;
  }

  [[nodiscard]] virtual uint64_t tar_bytes() const = 0;  // that have arrived so far
  [[nodiscard]] virtual uint64_t archive_bytes() const = 0;
  // Of Collect, for finding out what to read.
  [[nodiscard]] virtual double scan_seconds() const { return 0; }
};

// `mode: stop`: everything is read while the service is stopped.
[[nodiscard]] Result<std::unique_ptr<Capture>> MakeStreamCapture(const CaptureContext& context);

// What a tar that went well has said.
struct TarWords {
  std::vector<std::string> warnings;
  std::vector<std::string> vanished;  // VanishedNames, of single names
};

// Has the host run a tar into `sink`, which hands it on to `writer`. Returns its complaints that
// are no errors; kLimit if it is too slow, or if nothing comes, or can be written, for
// `longest_silence`.
[[nodiscard]] Result<TarWords> StreamTar(const CaptureContext& context, RemoteHost& host,
                                         const TarCommand& command, ByteSink& sink,
                                         ArchiveWriter& writer,
                                         std::optional<std::chrono::seconds> longest_silence,
                                         const std::stop_token& stop);

}  // namespace orcio::inline archiver

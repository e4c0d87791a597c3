#pragma once

#include <functional>
#include <map>
#include <string>

#include "archiver/capture/run_options.h"
#include "archiver/config/config.h"
#include "archiver/plan/run_estimate.h"
#include "base/threads/mutex.h"
#include "cli/output/progress.h"

namespace orcio::cli {

// What all services are at, on one line of the terminal: "wiki: streaming, 1.4 GiB of about 3.0
// GiB, 105 MiB/s, about 16 s left; mail: stopping". Called on the hosts' threads.
class ArchiveProgress {
 public:
  // `expected` is by service, if anything is known.
  ArchiveProgress(bool enabled, std::map<std::string, ExpectedBytes> expected)
      : line_(enabled), expected_(std::move(expected)) {}

  void Phase(const ServiceConfig& service, RunPhase phase);
  void Bytes(const ServiceConfig& service, uint64_t tar_bytes);
  // The service is done with; `tell` prints what came of it, with the line out of the way.
  void Finished(const std::string& service, const std::function<void()>& tell);

 private:
  struct Service {
    RunPhase phase = RunPhase::kConnecting;
    bool copied = false;  // some of it came while the service ran
    ProgressTotal total;
    uint64_t done_bytes = 0;  // in this phase
    RateMeter meter;
  };
  [[nodiscard]] std::string Text() const REQUIRES(mutex_);
  // In the phase that the service is at.
  [[nodiscard]] uint64_t ExpectedOf(const std::string& service, const Service& at) const;

  ProgressLine line_;
  const std::map<std::string, ExpectedBytes> expected_;
  Mutex mutex_;
  std::map<std::string, Service> at_ GUARDED_BY(mutex_);
};

}  // namespace orcio::cli

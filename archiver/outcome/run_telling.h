#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/local/mail.h"
#include "archiver/outcome/service_outcome.h"

namespace orcio::inline archiver {

enum class RunResult { kGood, kWarnings, kFailed };

// What was said meanwhile, and of which service: empty if it is of the whole run.
struct Said {
  std::string service;
  std::string text;
};

// How a whole run ended.
struct RunEnd {
  RunResult result = RunResult::kGood;
  std::vector<ServiceOutcome> outcomes;
  std::vector<Said> said;  // all that went wrong, as it was reported
  bool seen = false;       // by somebody who need not be written to
  int exit_status = 0;
};

// Tells those whom the configuration names of a run: pings, if it is one of all services, and
// writes a mail if something went wrong and nobody has seen it. Nothing in it fails the run.
class RunTelling {
 public:
  RunTelling(const Config& config, bool all_services, std::stop_token stop)
      : config_(config), pings_(all_services && !config.ping.empty()), stop_(std::move(stop)) {}

  // Nothing must be waiting for its start then. Takes 3 s at most; what it could not do.
  [[nodiscard]] Result<void> Begin() const;
  // Nothing may be left that can still be started. What it could not do.
  [[nodiscard]] std::vector<Error> End(const RunEnd& end) const;

 private:
  [[nodiscard]] Result<void> PingEnd(const RunEnd& end) const;

  const Config& config_;
  const bool pings_;
  const std::stop_token stop_;
};

// The mail on a run, to whom the configuration has: all that was said, and a line on each service.
// Of services with `offsite: never` it has neither a file's name nor anything that was said of
// them, but what kinds of things went wrong: who carries a mail reads it. A service that the
// configuration has no more may have been one of them.
[[nodiscard]] Mail MailOfRun(const Config& config, const RunEnd& end);

// One line on how the services of a run fared: "wiki not-running, blog failed".
[[nodiscard]] std::string RunSubject(const RunEnd& end);

}  // namespace orcio::inline archiver

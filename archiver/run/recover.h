#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/run/connectors.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What came of one journal that an interrupted run has left.
struct RecoverOutcome {
  std::string service;
  std::string host;
  std::vector<std::string> running;  // what had been, and is again
  int64_t stopped_seconds = 0;       // when that run began, since the epoch
  // Why the service is not confirmed running, or what has still to be done on its host.
  std::optional<Error> error;
  std::string restored;  // if that was a restore in place: what has become of it, for people
  std::vector<std::string> warnings;  // what is not known of it even now
};

struct RecoverOptions {
  // How long to go on while a host is away.
  std::chrono::seconds retry{0};
  std::chrono::seconds pause{2};
};

// Starts what the journals in the configuration's repository name, and only that, confirms it, and
// removes the journals and what is left of guards. What had to be taken for running, for its health
// check was not due, is looked at once more. The caller holds the repository's lock. Hosts
// are independent of each other. `finished` is called as each journal is done with, from several
// threads. kNotRunning for a service whose host the configuration does not have any more.
[[nodiscard]] Result<std::vector<RecoverOutcome>> Recover(
    const Config& config, const Connectors& connectors, const RecoverOptions& options,
    const std::function<void(const RecoverOutcome&)>& finished, const std::stop_token& stop);

// Removes the journal of a service, whatever state that is in. kNotFound if there is none.
[[nodiscard]] Result<void> Forget(const FileSystem& files, const std::filesystem::path& repository,
                                  const std::string& service);

}  // namespace orcio::inline archiver

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/safety/guard.h"
#include "archiver/safety/run_journal.h"
#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// What starts a stopped service if this process does not live to do it: the journal at home, for
// `orcio recover`, and the guard on the host. It is there before anything is stopped, and goes once
// the service is confirmed running.
class SafetyNet {
 public:
  struct Place {
    const FileSystem& files;
    const std::filesystem::path& repository;
  };

  // Writes the journal, connects `pulse_host` and arms the guard through it; used for the guard's
  // sake alone as long as this lives. After an error nothing of it is left.
  [[nodiscard]] static Result<std::unique_ptr<SafetyNet>> Spread(
      Place place, RunJournal journal, const ServiceConfig& service, const ServiceControl& control,
      std::unique_ptr<RemoteHost> pulse_host, const std::stop_token& stop);
  // That of a run that ended without taking it in.
  SafetyNet(Place place, RunJournal journal) : place_(place), journal_(std::move(journal)) {}

  [[nodiscard]] const RunJournal& journal() const { return journal_; }

  // `host`, for what stops and reads the service. Lives as long as both.
  [[nodiscard]] std::unique_ptr<RemoteHost> Guarded(RemoteHost& host) const;
  // Requested to stop once the guard must be taken to have fired.
  [[nodiscard]] std::stop_token lost() const;

  // The last byte was read. kRemote if the guard has fired by now.
  [[nodiscard]] Result<void> Ended(RemoteHost& host, const std::stop_token& stop);
  // The same, to be said to the host with the first command that starts the service.
  void EndsWithStart() { ends_with_start_ = true; }
  // Whether that is still to be said; once.
  [[nodiscard]] bool TakeEndsWithStart() { return std::exchange(ends_with_start_, false); }
  // `host`, whose first command says so. kRemote in place of an answer if the guard has fired by
  // now: nothing was started then. Lives as long as both.
  [[nodiscard]] std::unique_ptr<RemoteHost> Ending(RemoteHost& host);
  // Whether the host has heard of it.
  [[nodiscard]] bool ended() const { return ended_; }
  // Before the service is started: ends what a run that failed may still do on the host, and waits
  // for a guard that is at work. Not after Ended.
  [[nodiscard]] Result<void> Settle(RemoteHost& host, ServiceControl& control,
                                    const std::stop_token& stop);
  // Ends the guard. Not being able to is an error only if trying again may help.
  [[nodiscard]] Result<void> Disarm(RemoteHost& host, const std::stop_token& stop);
  // The service is confirmed running: removes the journal, unless files were swapped.
  void TakeIn();
  // What a swap has left on the host is gone: removes the journal.
  void Concluded();
  // Why the journal is still there though the service runs: no harm, but that the next run looks at
  // the service once more.
  [[nodiscard]] const std::optional<Error>& left() const { return left_; }

  // Why the run is void though nothing else failed: the guard has fired, or whether it has cannot
  // be known. Nothing if it was disarmed in time.
  [[nodiscard]] std::optional<Error> Voided() const;

 private:
  class EndingHost;
  void Note(const GuardState& state, const std::string& host);
  Result<void> TakeEnd(const std::optional<GuardState>& state, const RemoteHost& host,
                       const CommandResult& result);

  const Place place_;
  const RunJournal journal_;
  std::unique_ptr<RemoteHost> pulse_host_;
  std::unique_ptr<GuardPulse> pulse_;
  bool ends_with_start_ = false;
  bool ended_ = false;
  std::optional<Error> voided_;
  std::optional<Error> left_;
};

}  // namespace orcio::inline archiver

#include "archiver/run/recover.h"

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>

#include "archiver/safety/run_journal.h"
#include "archiver/safety/safety_net.h"
#include "archiver/safety/stopped_service.h"
#include "archiver/swap/swap_control.h"

namespace orcio::inline archiver {
namespace {

// If the configuration has the service, its administrator's newest word on patience counts.
ServiceConfig ServiceToStart(const Config& config, const RunJournal& journal) {
  ServiceConfig service = journal.service;
  if (const ServiceConfig* known = config.FindService(service.name)) {
    service.start_timeout = known->start_timeout;
    service.stop_timeout = known->stop_timeout;
  }
  return service;
}

Result<std::string> EndOfRestore(RemoteHost& host, const SwapPlan& swap,
                                 std::optional<bool> replaced, const std::stop_token& stop) {
  std::string end = !replaced   ? "its restore was over"
                    : *replaced ? "what was to be restored is in place"
                                : "nothing was restored, all is as before";
  for (const std::string& place : ORCIO_TRY(ConcludeSwap(host, swap, stop)))
    end += fmt::format("; {}:{} has what was replaced", host.name(), place);
  return end;
}

// A health check that was not due when the service was started may have spoken by now.
Result<void> LookAgain(RemoteHost& host, ServiceControl& control,
                       std::vector<std::string>& warnings, const std::stop_token& stop) {
  auto looked = control.LookAgain(host, stop);
  if (looked) {
    warnings = *std::move(looked);
  } else if (looked.error().kind == ErrorKind::kNotRunning) {
    return Failure(std::move(looked).error());
  } else {
    warnings.push_back("whether it is well is not known: " + looked.error().message);
  }
  return {};
}

Result<void> RecoverOne(const Config& config, const Connectors& connectors,
                        const RunJournal& journal, RemoteHost& host, const RecoverOptions& options,
                        RecoverOutcome& outcome, const std::stop_token& stop) {
  auto control = connectors.control(ServiceToStart(config, journal));
  const SwapControl* swap = nullptr;
  if (journal.swap) {
    auto swapping = std::make_unique<SwapControl>(std::move(control), *journal.swap);
    swap = swapping.get();
    control = std::move(swapping);
  }
  auto recalled = control->Recall(journal.memory);
  if (!recalled) {
    recalled.error().message = fmt::format(
        "{}: its journal makes no sense ({}): start it by hand, then run `orcio "
        "recover --forget {}`",
        journal.service.name, recalled.error().message, journal.service.name);
    return recalled;
  }
  SafetyNet net({connectors.files, config.repository}, journal);
  ORCIO_TRY(StoppedService(host, *control, net, {options.retry, options.pause}).Start(stop));
  if (swap != nullptr) {
    outcome.restored = ORCIO_TRY(EndOfRestore(host, *journal.swap, swap->replaced(), stop));
    net.Concluded();
  }
  ORCIO_TRY(LookAgain(host, *control, outcome.warnings, stop));
  if (net.left()) return Failure(*net.left());
  return {};
}

Error HostUnknown(const RunJournal& journal) {
  return Error{
      ErrorKind::kNotRunning, 0,
      fmt::format("{0}: an interrupted run stopped it on host {1}, which is not in the "
                  "configuration any more: put {1} back and run `orcio recover`, or start {0} by "
                  "hand and run `orcio recover --forget {0}`",
                  journal.service.name, journal.service.host)};
}

using Finished = std::function<void(const RecoverOutcome&)>;

// The journals of one host, one after another.
void RecoverHost(const Config& config, const Connectors& connectors,
                 const std::vector<std::pair<const RunJournal*, RecoverOutcome*>>& work,
                 const RecoverOptions& options, const Finished& finished,
                 const std::stop_token& stop) {
  const auto host_config = config.hosts.find(work.front().first->service.host);
  const auto host =
      host_config == config.hosts.end() ? nullptr : connectors.host(host_config->second);
  for (const auto& [journal, outcome] : work) {
    outcome->service = journal->service.name;
    outcome->host = journal->service.host;
    outcome->running = journal->running;
    outcome->stopped_seconds = journal->start_seconds;
    if (host == nullptr) {
      outcome->error = HostUnknown(*journal);
    } else {
      auto recovered = RecoverOne(config, connectors, *journal, *host, options, *outcome, stop);
      if (!recovered) outcome->error = std::move(recovered).error();
    }
    if (finished) finished(*outcome);
  }
  if (host != nullptr) host->Disconnect();
}

}  // namespace

Result<std::vector<RecoverOutcome>> Recover(const Config& config, const Connectors& connectors,
                                            const RecoverOptions& options, const Finished& finished,
                                            const std::stop_token& stop) {
  const auto paths = ORCIO_TRY(ListJournals(connectors.files, config.repository));
  std::vector<RunJournal> journals(paths.size());
  std::vector<RecoverOutcome> outcomes(paths.size());
  std::map<std::string, std::vector<std::pair<const RunJournal*, RecoverOutcome*>>> by_host;
  for (size_t i = 0; i < paths.size(); ++i) {
    auto journal = ReadJournal(connectors.files, paths[i]);
    if (!journal) {
      outcomes[i].service = ServiceOfJournal(paths[i]);
      outcomes[i].error = std::move(journal).error();
      outcomes[i].error->kind = ErrorKind::kNotRunning;
      if (finished) finished(outcomes[i]);
      continue;
    }
    journals[i] = *std::move(journal);
    by_host[journals[i].service.host].emplace_back(&journals[i], &outcomes[i]);
  }
  std::vector<std::future<void>> hosts;
  for (const auto& entry : by_host) {
    hosts.push_back(std::async(std::launch::async, [&, work = &entry.second] {
      RecoverHost(config, connectors, *work, options, finished, stop);
    }));
  }
  for (auto& host : hosts) host.get();
  return outcomes;
}

Result<void> Forget(const FileSystem& files, const std::filesystem::path& repository,
                    const std::string& service) {
  const auto status = files.Status(JournalPath(repository, service));
  if (!status && ToErrno(status.error()) == ENOENT) {
    return Fail(ErrorKind::kNotFound, "{}: no interrupted run has left it stopped", service);
  }
  return RemoveJournal(files, repository, service);
}

}  // namespace orcio::inline archiver

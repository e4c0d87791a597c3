#include <unistd.h>

#include <ctime>
#include <map>
#include <memory>

#include "archiver/outcome/outcome_text.h"
#include "archiver/outcome/run_telling.h"
#include "archiver/plan/run_estimate.h"
#include "archiver/run/archive_all.h"
#include "archiver/safety/run_journal.h"
#include "base/threads/mutex.h"
#include "cli/archive/archive_plan.h"
#include "cli/archive/archive_progress.h"
#include "cli/keep/pruning.h"
#include "cli/output/text.h"
#include "cli/shared/chosen_services.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/recovery.h"
#include "index/repository/repository.h"
#include "index/repository/repository_lock.h"
#include "index/upkeep/leftovers.h"

namespace orcio::cli {
namespace {

struct ArchiveOptions {
  std::vector<std::string> services;
  bool dry_run = false;
};

ExitCode CodeOf(const ServiceOutcome& outcome) {
  ExitCode code = outcome.facts.warnings.empty() ? kDone : kWarnings;
  if (outcome.error) code = Worse(code, ExitCodeOf(*outcome.error));
  return outcome.start_error ? kNotRunning : code;
}

void Show(const Context& context, const ServiceOutcome& outcome) {
  if (context.json) context.PrintJson(ToJson(outcome));
  for (const std::string& problem : Problems(outcome)) context.WarnOf(outcome.service, problem);
  const bool wanted = context.verbose > 0 || context.Interactive();
  if (!outcome.archive.empty() && wanted && !context.json && !context.quiet) {
    context.Print(TerminalSafe(Summary(outcome)) + "\n");
  }
}

// What an interrupted run has left stopped comes before everything else. A host that is away holds
// nobody up here.
ExitCode RecoverFirst(const Context& context, const Config& config, const std::stop_token& stop) {
  const auto left = ListJournals(LocalFileSystem(), config.repository);
  if (!left) return context.Report(left.error());
  if (left->empty()) return kDone;
  return Worse(kWarnings, RecoverAll(context, config, {}, stop));
}

// The others are done with: there is time to wait for a host.
ExitCode RecoverLast(const Context& context, const Config& config, const std::stop_token& stop) {
  RecoverOptions options;
  options.retry = ServiceRunOptions{}.start_retry;
  return RecoverAll(context, config, options, stop);
}

// Before anything is written: what a killed run left may be what fills the disk. It may be somebody
// else's, too, and is no reason not to make a backup.
void CleanUp(const Context& context, const std::filesystem::path& repository) {
  const auto removed = RemoveLeftovers(LocalFileSystem(), repository, std::time(nullptr));
  if (!removed) return context.Warn(removed.error().message);
  for (const Error& error : removed->errors) context.Warn(error.message);
  if (context.verbose == 0 || context.json) return;
  for (const std::string& name : removed->names)
    context.Print("removed what an interrupted run left: " + context.Shown(name) + "\n");
}

// What is said meanwhile, for those who do not see it.
class Transcript {
 public:
  explicit Transcript(const Context& context) : context_(context) {
    context_.heard = [this](std::string_view service, std::string_view message) {
      const MutexLock lock(mutex_);
      said_.push_back({std::string(service), std::string(message)});
    };
  }
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  [[nodiscard]] const Context& context() const { return context_; }
  [[nodiscard]] std::vector<Said> Take() {
    const MutexLock lock(mutex_);
    return std::move(said_);
  }

 private:
  Context context_;
  Mutex mutex_;
  std::vector<Said> said_ GUARDED_BY(mutex_);
};

std::map<std::string, ExpectedBytes> Expected(const Config& config, const Services& services) {
  std::map<std::string, ExpectedBytes> expected;
  const auto& files = LocalFileSystem();
  const auto archives = Repository(files, config.repository).List();
  // Why it cannot be read is said by those who need it.
  if (!archives) return expected;
  for (const ServiceConfig* service : services)
    expected[service->name] = ExpectBytes(files, *archives, *service);
  return expected;
}

std::vector<ServiceOutcome> ArchiveShown(const Context& context, const Config& config,
                                         const Services& services, const std::stop_token& stop) {
  const bool shown = context.Interactive();
  ArchiveProgress progress(
      shown, shown ? Expected(config, services) : std::map<std::string, ExpectedBytes>());
  ArchiveAllObserver observer;
  observer.phase = [&](const ServiceConfig& service, RunPhase phase) {
    progress.Phase(service, phase);
  };
  observer.progress = [&](const ServiceConfig& service, uint64_t tar_bytes, uint64_t) {
    progress.Bytes(service, tar_bytes);
  };
  observer.finished = [&](const ServiceOutcome& outcome) {
    progress.Finished(outcome.service, [&] { Show(context, outcome); });
  };
  return ArchiveAll(config, services, RealConnectors(), {}, observer, stop);
}

ExitCode ArchiveLocked(const Context& context, const Config& config, const Services& services,
                       const Interrupt& interrupt, const RunTelling& telling,
                       std::vector<ServiceOutcome>& outcomes) {
  const auto lock = RepositoryLock::Take(config.repository);
  if (!lock) return context.Report(lock.error());
  ExitCode code = RecoverFirst(context, config, interrupt.token());
  const bool away = code == kHost;
  CleanUp(context, config.repository);
  if (const auto told = telling.Begin(); !told) context.Warn(told.error().message);
  outcomes = ArchiveShown(context, config, services, interrupt.token());
  for (const ServiceOutcome& outcome : outcomes) code = Worse(code, CodeOf(outcome));
  if (away && !interrupt.requested())
    code = Worse(code, RecoverLast(context, config, interrupt.token()));
  if (config.prune && !interrupt.requested())
    code = Worse(code, PruneAfter(context, config, outcomes));
  return interrupt.requested() ? Worse(code, interrupt.exit_code()) : code;
}

RunResult ResultOf(ExitCode code) {
  if (code == kDone) return RunResult::kGood;
  return code == kWarnings ? RunResult::kWarnings : RunResult::kFailed;
}

ExitCode RunArchive(const Context& context, const Config& config, const Services& services) {
  const Interrupt interrupt;
  Transcript transcript(context);
  const RunTelling telling(config, services.size() == config.services.size(), interrupt.token());
  RunEnd end;
  const ExitCode code =
      ArchiveLocked(transcript.context(), config, services, interrupt, telling, end.outcomes);
  end.result = ResultOf(code);
  end.exit_status = code;
  end.said = transcript.Take();
  end.seen = ::isatty(STDERR_FILENO) != 0;
  for (const Error& error : telling.End(end)) context.Warn(error.message);
  return code;
}

ExitCode Archive(const Context& context, const ArchiveOptions& options) {
  const auto config = context.LoadConfiguration();
  if (!config) return context.Report(config.error());
  const auto services = ChooseServices(*config, options.services);
  if (!services) return context.Report(services.error());
  return options.dry_run ? ShowArchivePlans(context, *config, *services)
                         : RunArchive(context, *config, *services);
}

}  // namespace

Command AddArchive(CLI::App& app, const Context& context) {
  auto options = std::make_shared<ArchiveOptions>();
  app.add_option("SERVICE", options->services, "Services to archive; where none is named, all");
  app.add_flag("--dry-run", options->dry_run,
               "Log in, look, and say what would be done; stop nothing");
  return [&context, options] { return Archive(context, *options); };
}

}  // namespace orcio::cli

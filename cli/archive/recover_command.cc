#include <memory>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/run/recover.h"
#include "archiver/ssh/ssh_host.h"
#include "base/text/words.h"
#include "base/threads/mutex.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/recovery.h"
#include "index/repository/archive_name.h"
#include "index/repository/repository_lock.h"

namespace orcio::cli {
namespace {

// A rebooting host, or one whose link is away, has so long to come back.
constexpr std::chrono::seconds kPatience{3600};

struct RecoverArguments {
  std::vector<std::string> forget;
};

void Show(const Context& context, const RecoverOutcome& outcome) {
  if (context.json) {
    nlohmann::json object{{"type", "recover"},
                          {"service", outcome.service},
                          {"host", outcome.host},
                          {"parts", outcome.running},
                          {"running", !outcome.error}};
    if (outcome.error) object["error"] = outcome.error->message;
    if (!outcome.restored.empty()) object["restored"] = outcome.restored;
    if (!outcome.warnings.empty()) object["warnings"] = outcome.warnings;
    context.PrintJson(object);
  }
  if (outcome.error) {
    context.WarnOf(outcome.service, outcome.error->message);
  } else if (!context.json && !context.quiet) {
    const std::string what = outcome.running.empty()
                                 ? fmt::format("nothing of it had been running on {}", outcome.host)
                                 : fmt::format("running again on {}, confirmed: {}", outcome.host,
                                               Join(outcome.running));
    context.WarnOf(outcome.service,
                   fmt::format("{}: the run of {} was interrupted; {}{}{}", outcome.service,
                               FormatDate(outcome.stopped_seconds), what,
                               outcome.restored.empty() ? "" : "; ", outcome.restored));
  }
  for (const std::string& warning : outcome.warnings)
    context.WarnOf(outcome.service,
                   fmt::format("{} on {}: {}", outcome.service, outcome.host, warning));
}

// 12 if the host is what is in the way, 20 for everything else that is.
ExitCode CodeOf(const RecoverOutcome& outcome) {
  if (!outcome.error) return outcome.warnings.empty() ? kDone : kWarnings;
  const ExitCode code = ExitCodeOf(*outcome.error);
  return code == kHost || code == kInterrupted ? code : kNotRunning;
}

ExitCode RunForget(const Context& context, const Config& config,
                   const std::vector<std::string>& services) {
  ExitCode code = kDone;
  for (const auto& service : services) {
    const auto forgotten = Forget(LocalFileSystem(), config.repository, service);
    if (!forgotten) code = Worse(code, context.Report(forgotten.error()));
  }
  return code;
}

ExitCode RunRecover(const Context& context, const RecoverArguments& arguments) {
  const auto config = context.LoadConfiguration();
  if (!config) return context.Report(config.error());
  const Interrupt interrupt;
  const auto lock = RepositoryLock::Take(config->repository);
  if (!lock) return context.Report(lock.error());
  if (!arguments.forget.empty()) return RunForget(context, *config, arguments.forget);
  RecoverOptions options;
  options.retry = kPatience;
  const ExitCode code = RecoverAll(context, *config, options, interrupt.token());
  return interrupt.requested() ? Worse(code, interrupt.exit_code()) : code;
}

}  // namespace

Connectors RealConnectors() {
  return {[](const HostConfig& host) { return MakeSshHost(host); },
          [](const ServiceConfig& service) { return MakeServiceControl(service); },
          LocalFileSystem()};
}

ExitCode RecoverAll(const Context& context, const Config& config, const RecoverOptions& options,
                    const std::stop_token& stop) {
  Mutex output;
  const auto outcomes = Recover(
      config, RealConnectors(), options,
      [&](const RecoverOutcome& outcome) {
        const MutexLock one_at_a_time(output);
        Show(context, outcome);
      },
      stop);
  if (!outcomes) return context.Report(outcomes.error());
  ExitCode code = kDone;
  for (const auto& outcome : *outcomes) code = Worse(code, CodeOf(outcome));
  return code;
}

Command AddRecover(CLI::App& app, const Context& context) {
  auto arguments = std::make_shared<RecoverArguments>();
  app.add_option("--forget", arguments->forget,
                 "Start nothing: take these services as they are now");
  return [&context, arguments] { return RunRecover(context, *arguments); };
}

}  // namespace orcio::cli

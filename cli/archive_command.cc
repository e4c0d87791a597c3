#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "archiver/archive_all.h"
#include "archiver/repository_lock.h"
#include "archiver/service_plan.h"
#include "archiver/ssh_host.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace orcio::cli {
namespace {

struct ArchiveOptions {
  std::vector<std::string> services;
  bool dry_run = false;
};

using Services = std::vector<const ServiceConfig*>;

std::string KnownServices(const Config& config) {
  std::string names;
  for (const ServiceConfig& service : config.services)
    names += (names.empty() ? "" : ", ") + service.name;
  return names;
}

Result<Services> Choose(const Config& config, const std::vector<std::string>& names) {
  Services chosen;
  for (const std::string& name : names) {
    const ServiceConfig* service = config.FindService(name);
    if (service == nullptr) {
      return Fail(ErrorKind::kNotFound, "no service {} in the configuration; it has {}", name,
                  KnownServices(config));
    }
    if (std::find(chosen.begin(), chosen.end(), service) == chosen.end()) chosen.push_back(service);
  }
  if (!names.empty()) return chosen;
  for (const ServiceConfig& service : config.services) chosen.push_back(&service);
  return chosen;
}

Machinery RealMachinery() {
  return {[](const HostConfig& host) { return MakeSshHost(host); },
          [](const ServiceConfig& service) { return MakeServiceControl(service); },
          LocalFileSystem()};
}

std::string_view PhaseWords(RunPhase phase) {
  switch (phase) {
    case RunPhase::kConnecting:
      return "connecting";
    case RunPhase::kStopping:
      return "stopping";
    case RunPhase::kStreaming:
      return "streaming";
    case RunPhase::kStarting:
      return "starting";
    case RunPhase::kFinishing:
      return "finishing";
  }
  return "";
}

// What all services are at, on one line of the terminal. Called on the hosts' threads.
class Watcher {
 public:
  explicit Watcher(const Context& context) : line_(context.Interactive()) {}

  void Phase(const ServiceConfig& service, RunPhase phase) {
    Set(service.name, std::string(PhaseWords(phase)));
  }
  void Progress(const ServiceConfig& service, uint64_t tar_bytes, uint64_t archive_bytes) {
    Set(service.name,
        fmt::format("{} in, {} written", FormatBytes(tar_bytes), FormatBytes(archive_bytes)));
  }
  void Finished(const std::string& service) {
    const std::scoped_lock lock(mutex_);
    at_.erase(service);
    line_.Clear();
  }
  void Clear() { line_.Clear(); }

 private:
  void Set(const std::string& service, std::string text) {
    const std::scoped_lock lock(mutex_);
    at_[service] = std::move(text);
    std::string all;
    for (const auto& [name, what] : at_) all += (all.empty() ? "" : "; ") + name + ": " + what;
    line_.Show(all);
  }

  ProgressLine line_;
  std::mutex mutex_;
  std::map<std::string, std::string> at_;  // guarded by mutex_
};

nlohmann::json ToJson(const ServiceOutcome& outcome) {
  nlohmann::json object = {{"type", "service"},
                           {"service", outcome.service},
                           {"host", outcome.host},
                           {"done", !outcome.error && !outcome.start_error},
                           {"running", !outcome.start_error},
                           {"seconds", outcome.seconds},
                           {"warnings", outcome.facts.warnings}};
  if (outcome.error) object["error"] = outcome.error->message;
  if (outcome.start_error) object["start_error"] = outcome.start_error->message;
  if (outcome.hook_error) object["hook_error"] = outcome.hook_error->message;
  if (outcome.facts.downtime) object["downtime"] = cli::ToJson(*outcome.facts.downtime);
  if (!outcome.archive.empty()) {
    AddPath(object, outcome.archive.string());
    object["bytes"] = outcome.archive_bytes;
    object["tar_bytes"] = outcome.tar_bytes;
    object["entries"] = outcome.entries;
  }
  return object;
}

std::string Summary(const ServiceOutcome& outcome) {
  std::string text = fmt::format("{}: {}, {} entries, {} from {} in {}", outcome.service,
                                 outcome.archive.filename().string(), outcome.entries,
                                 FormatBytes(outcome.archive_bytes), FormatBytes(outcome.tar_bytes),
                                 FormatSeconds(outcome.seconds));
  if (const auto& down = outcome.facts.downtime) {
    text += fmt::format("; down for {} (stop {}, stream {}, start {})",
                        FormatSeconds(down->total()), FormatSeconds(down->stop),
                        FormatSeconds(down->stream), FormatSeconds(down->start));
  }
  return text;
}

ExitCode CodeOf(const ServiceOutcome& outcome) {
  ExitCode code = outcome.facts.warnings.empty() ? kDone : kWarnings;
  if (outcome.error) code = Worse(code, ExitCodeOf(*outcome.error));
  return outcome.start_error ? kNotRunning : code;
}

void Show(const Context& context, const ServiceOutcome& outcome) {
  if (context.json) context.PrintJson(ToJson(outcome));
  const std::string where = fmt::format("{} on {}", outcome.service, outcome.host);
  if (outcome.start_error) {
    context.Warn(
        fmt::format("{}: NOT CONFIRMED RUNNING AGAIN: {}", where, outcome.start_error->message));
  }
  if (outcome.error) context.Warn(fmt::format("{}: no archive: {}", where, outcome.error->message));
  for (const std::string& warning : outcome.facts.warnings)
    context.Warn(fmt::format("{}: {}", where, warning));
  if (outcome.hook_error) context.Warn(fmt::format("{}: {}", where, outcome.hook_error->message));
  const bool wanted = context.verbose > 0 || context.Interactive();
  if (!outcome.archive.empty() && wanted && !context.json && !context.quiet) {
    context.Print(TerminalSafe(Summary(outcome)) + "\n");
  }
}

ExitCode RunArchive(const Context& context, const Config& config, const Services& services) {
  const Interrupt interrupt;
  const auto lock = RepositoryLock::Take(config.repository);
  if (!lock) return context.Report(lock.error());
  Watcher watcher(context);
  std::mutex output;
  ArchiveAllObserver observer;
  observer.phase = [&](const ServiceConfig& service, RunPhase phase) {
    watcher.Phase(service, phase);
  };
  observer.progress = [&](const ServiceConfig& service, uint64_t in, uint64_t out) {
    watcher.Progress(service, in, out);
  };
  observer.finished = [&](const ServiceOutcome& outcome) {
    watcher.Finished(outcome.service);
    const std::scoped_lock one_at_a_time(output);
    Show(context, outcome);
  };
  const auto outcomes =
      ArchiveAll(config, services, RealMachinery(), {}, observer, interrupt.token());
  watcher.Clear();
  ExitCode code = kDone;
  for (const ServiceOutcome& outcome : outcomes) code = Worse(code, CodeOf(outcome));
  return interrupt.requested() ? Worse(code, interrupt.exit_code()) : code;
}

void ShowPlan(const Context& context, const ServiceConfig& service, const ServicePlan& plan) {
  if (context.json) {
    context.PrintJson({{"type", "plan"},
                       {"service", service.name},
                       {"host", service.host},
                       {"stops", plan.stops},
                       {"paths", service.paths},
                       {"tar", plan.tar.description},
                       {"command", plan.command}});
    return;
  }
  std::string stops;
  for (const std::string& part : plan.stops) stops += (stops.empty() ? "" : ", ") + part;
  std::string paths;
  for (const std::string& path : service.paths) paths += " " + path;
  context.Print(TerminalSafe(fmt::format(
                    "{} on {}: would stop {}, archive{} with {}, and start it again", service.name,
                    service.host, stops.empty() ? "nothing" : stops, paths, plan.tar.description)) +
                "\n");
}

ExitCode RunDry(const Context& context, const Config& config, const Services& services) {
  const Interrupt interrupt;
  ExitCode code = kDone;
  const Machinery machinery = RealMachinery();
  for (const ServiceConfig* service : services) {
    const auto host = machinery.host(config.hosts.at(service->host));
    const auto control = machinery.control(*service);
    const auto plan = PlanService(*service, *host, *control, interrupt.token());
    if (interrupt.requested()) return interrupt.exit_code();
    if (plan) {
      ShowPlan(context, *service, *plan);
    } else {
      context.Warn(fmt::format("{} on {}: {}", service->name, service->host, plan.error().message));
      code = Worse(code, ExitCodeOf(plan.error()));
    }
  }
  return code;
}

ExitCode Archive(const Context& context, const ArchiveOptions& options) {
  const auto config = context.LoadConfiguration();
  if (!config) return context.Report(config.error());
  const auto services = Choose(*config, options.services);
  if (!services) return context.Report(services.error());
  return options.dry_run ? RunDry(context, *config, *services)
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

#include "archiver/archive_all.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "archiver/hook.h"

namespace orcio {
namespace {

constexpr size_t kMostHosts = 4;
constexpr std::chrono::seconds kHookTime{60};

// A host's services, as indices into all of them.
using HostServices = std::pair<std::string, std::vector<size_t>>;

std::vector<HostServices> ByHost(const std::vector<const ServiceConfig*>& services) {
  std::vector<HostServices> hosts;
  for (size_t i = 0; i < services.size(); ++i) {
    const auto known = std::find_if(hosts.begin(), hosts.end(), [&](const HostServices& host) {
      return host.first == services[i]->host;
    });
    if (known != hosts.end()) {
      known->second.push_back(i);
    } else {
      hosts.emplace_back(services[i]->host, std::vector{i});
    }
  }
  return hosts;
}

// One run's share of what the writers of `parallel` runs may use together.
ServiceRunOptions ShareOf(const ServiceRunOptions& options, size_t parallel) {
  ServiceRunOptions share = options;
  const unsigned threads = options.writer.threads != 0
                               ? options.writer.threads
                               : std::max(1U, std::thread::hardware_concurrency());
  share.writer.threads = std::max(1U, threads / static_cast<unsigned>(parallel));
  share.writer.max_bytes_in_flight = options.writer.max_bytes_in_flight / parallel;
  return share;
}

std::string StatusWord(const ServiceOutcome& outcome) {
  if (outcome.start_error) return "not-running";
  if (outcome.error && outcome.error->kind == ErrorKind::kCancelled) return "interrupted";
  if (outcome.error) return "failed";
  return outcome.facts.warnings.empty() ? "done" : "warnings";
}

std::string MessageOf(const ServiceOutcome& outcome) {
  std::string message = outcome.start_error ? outcome.start_error->message : "";
  if (outcome.error) message += (message.empty() ? "" : "; ") + outcome.error->message;
  if (message.empty() && !outcome.facts.warnings.empty()) message = outcome.facts.warnings.front();
  // No variable of an environment holds a NUL.
  message.erase(std::remove(message.begin(), message.end(), '\0'), message.end());
  return message;
}

void TellHook(const HookConfig& hooks, ServiceOutcome& outcome) {
  const bool good = !outcome.error && !outcome.start_error;
  const std::string& command = good ? hooks.success : hooks.failure;
  if (command.empty()) return;
  const auto told = RunHook(command,
                            {{"ORCIO_SERVICE", outcome.service},
                             {"ORCIO_HOST", outcome.host},
                             {"ORCIO_STATUS", StatusWord(outcome)},
                             {"ORCIO_ARCHIVE", outcome.archive.string()},
                             {"ORCIO_MESSAGE", MessageOf(outcome)}},
                            kHookTime);
  if (!told) outcome.hook_error = told.error();
}

class Everything {
 public:
  Everything(const Config& config, const std::vector<const ServiceConfig*>& services,
             const Machinery& machinery, const ServiceRunOptions& options,
             const ArchiveAllObserver& observer, const std::stop_token& stop)
      : config_(config),
        services_(services),
        machinery_(machinery),
        observer_(observer),
        stop_(stop),
        hosts_(ByHost(services)),
        workers_(std::clamp(hosts_.size(), size_t{1}, kMostHosts)),
        options_(ShareOf(options, workers_)),
        outcomes_(services.size()) {}

  std::vector<ServiceOutcome> Run() {
    // std::async, not std::jthread: an exception unwinds, which starts what is stopped, and arrives
    // at the caller.
    std::vector<std::future<void>> workers;
    for (size_t i = 0; i < workers_; ++i) {
      workers.push_back(std::async(std::launch::async, [this] { Work(); }));
    }
    for (auto& worker : workers) worker.get();
    return std::move(outcomes_);
  }

 private:
  void Work() {
    for (size_t next = next_host_++; next < hosts_.size(); next = next_host_++) {
      ArchiveHost(hosts_[next]);
    }
  }

  void ArchiveHost(const HostServices& work) {
    const auto host = machinery_.host(config_.hosts.at(work.first));
    for (const size_t index : work.second) {
      const ServiceConfig& service = *services_[index];
      ServiceOutcome& outcome = outcomes_[index];
      if (stop_.stop_requested()) {
        outcome.service = service.name;
        outcome.host = service.host;
        outcome.error =
            Error{ErrorKind::kCancelled, 0, service.name + ": interrupted before it was begun"};
      } else {
        outcome = ArchiveOne(service, *host);
        TellHook(config_.hooks, outcome);
      }
      if (observer_.finished) observer_.finished(outcome);
    }
    host->Disconnect();
  }

  ServiceOutcome ArchiveOne(const ServiceConfig& service, RemoteHost& host) {
    RunObserver observer;
    if (observer_.phase) {
      observer.phase = [&](RunPhase phase) { observer_.phase(service, phase); };
    }
    if (observer_.progress) {
      observer.progress = [&](uint64_t tar_bytes, uint64_t archive_bytes) {
        observer_.progress(service, tar_bytes, archive_bytes);
      };
    }
    const auto control = machinery_.control(service);
    return RunService(service, host, *control, machinery_.files, config_.repository, options_,
                      observer, stop_);
  }

  const Config& config_;
  const std::vector<const ServiceConfig*>& services_;
  const Machinery& machinery_;
  const ArchiveAllObserver& observer_;
  const std::stop_token& stop_;
  const std::vector<HostServices> hosts_;
  const size_t workers_;
  const ServiceRunOptions options_;
  std::atomic<size_t> next_host_ = 0;
  std::vector<ServiceOutcome> outcomes_;  // each written by one worker only
};

}  // namespace

std::vector<ServiceOutcome> ArchiveAll(const Config& config,
                                       const std::vector<const ServiceConfig*>& services,
                                       const Machinery& machinery, const ServiceRunOptions& options,
                                       const ArchiveAllObserver& observer,
                                       const std::stop_token& stop) {
  return Everything(config, services, machinery, options, observer, stop).Run();
}

}  // namespace orcio

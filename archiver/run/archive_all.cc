#include "archiver/run/archive_all.h"

#include <algorithm>
#include <thread>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/outcome/telling.h"
#include "archiver/run/host_services.h"
#include "archiver/run/service_run.h"

namespace orcio::inline archiver {
namespace {

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

// The runs of all services of one command.
class ServiceRuns {
 public:
  ServiceRuns(const Config& config, const std::vector<const ServiceConfig*>& services,
              const Connectors& connectors, const ServiceRunOptions& options,
              const ArchiveAllObserver& observer, const std::stop_token& stop)
      : config_(config),
        services_(services),
        connectors_(connectors),
        observer_(observer),
        stop_(stop),
        hosts_(ByHost(services)),
        options_(ShareOf(options, HostWorkers(hosts_))),
        outcomes_(services.size()) {}

  std::vector<ServiceOutcome> Run() {
    OnEachHost(hosts_, [this](const HostServices& host) { ArchiveHost(host); });
    return std::move(outcomes_);
  }

 private:
  void ArchiveHost(const HostServices& work) {
    const auto host = connectors_.host(config_.hosts.at(work.first));
    for (const size_t index : work.second) {
      const ServiceConfig& service = *services_[index];
      ServiceOutcome& outcome = outcomes_[index];
      if (stop_.stop_requested()) {
        outcome.service = service.name;
        outcome.host = service.host;
        outcome.error =
            Error{ErrorKind::kCancelled, 0, service.name + ": interrupted before it was begun"};
      } else {
        Telling telling(service, connectors_.first_ping, stop_);
        telling.Begin();
        outcome = ArchiveOne(service, *host);
        telling.End(outcome);
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
    const auto control = connectors_.control(service);
    ServiceRunOptions options = options_;
    options.second_connection = [&] { return connectors_.host(config_.hosts.at(service.host)); };
    for (const ServiceConfig& other : config_.services) {
      if (other.host == service.host) options.neighbours.push_back(&other);
    }
    return RunService({service, connectors_.files, config_.repository, options, observer}, host,
                      *control, stop_);
  }

  const Config& config_;
  const std::vector<const ServiceConfig*>& services_;
  const Connectors& connectors_;
  const ArchiveAllObserver& observer_;
  const std::stop_token& stop_;
  const std::vector<HostServices> hosts_;
  const ServiceRunOptions options_;
  std::vector<ServiceOutcome> outcomes_;  // each written by one worker only
};

}  // namespace

std::vector<ServiceOutcome> ArchiveAll(const Config& config,
                                       const std::vector<const ServiceConfig*>& services,
                                       const Connectors& connectors,
                                       const ServiceRunOptions& options,
                                       const ArchiveAllObserver& observer,
                                       const std::stop_token& stop) {
  return ServiceRuns(config, services, connectors, options, observer, stop).Run();
}

}  // namespace orcio::inline archiver

#include "archiver/run/host_services.h"

#include <algorithm>
#include <atomic>
#include <future>

namespace orcio::inline archiver {
namespace {

constexpr size_t kMostHosts = 4;

}  // namespace

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

size_t HostWorkers(const std::vector<HostServices>& hosts) {
  return std::clamp(hosts.size(), size_t{1}, kMostHosts);
}

void OnEachHost(const std::vector<HostServices>& hosts,
                const std::function<void(const HostServices&)>& work) {
  std::atomic<size_t> next_host = 0;
  // std::async, not std::jthread: an exception unwinds, which starts what is stopped, and arrives
  // at the caller.
  std::vector<std::future<void>> workers;
  for (size_t i = 0; i < HostWorkers(hosts); ++i) {
    workers.push_back(std::async(std::launch::async, [&] {
      for (size_t next = next_host++; next < hosts.size(); next = next_host++) work(hosts[next]);
    }));
  }
  for (auto& worker : workers) worker.get();
}

}  // namespace orcio::inline archiver

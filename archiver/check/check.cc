#include "archiver/check/check.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>

#include "archiver/run/host_services.h"
#include "base/text/suggestion.h"
#include "base/threads/mutex.h"

namespace orcio::inline archiver {
namespace {

class ScopeMaker {
 public:
  explicit ScopeMaker(const Config& config) : config_(config) {}

  void AddHost(const std::string& name) {
    CheckScope::Host& host = Of(name);
    host.whole = true;
    host.services.clear();
    for (const ServiceConfig& service : config_.services) {
      if (service.host == name) host.services.push_back(&service);
    }
  }
  void AddService(const ServiceConfig& service) {
    CheckScope::Host& host = Of(service.host);
    const auto known = std::find(host.services.begin(), host.services.end(), &service);
    if (known == host.services.end()) host.services.push_back(&service);
  }
  CheckScope Take() { return std::move(scope_); }

 private:
  CheckScope::Host& Of(const std::string& name) {
    const HostConfig* config = &config_.hosts.at(name);
    for (auto& host : scope_.hosts) {
      if (host.config == config) return host;
    }
    return scope_.hosts.emplace_back(CheckScope::Host{config, {}, false});
  }

  const Config& config_;
  CheckScope scope_;
};

int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<CheckScope> ChooseToCheck(const Config& config, const std::vector<std::string>& names) {
  ScopeMaker maker(config);
  for (const auto& name : names) {
    const ServiceConfig* service = config.FindService(name);
    const bool is_host = config.hosts.contains(name);
    if (is_host) maker.AddHost(name);
    if (service != nullptr) maker.AddService(*service);
    if (is_host || service != nullptr) continue;
    std::vector<std::string_view> known;
    for (const auto& host : config.hosts) known.push_back(host.first);
    for (const auto& other : config.services) known.push_back(other.name);
    return Fail(ErrorKind::kNotFound, "no host or service {} in the configuration{}", name,
                Suggestion(name, known));
  }
  if (names.empty()) {
    for (const auto& host : config.hosts) maker.AddHost(host.first);
  }
  return maker.Take();
}

void Check(const Config& config, const CheckScope& scope, const Connectors& connectors,
           const TellFinding& tell, const std::stop_token& stop) {
  std::vector<const ServiceConfig*> services;
  std::vector<HostServices> hosts;
  for (size_t i = 0; i < scope.hosts.size(); ++i) {
    const auto& host = scope.hosts[i];
    services.insert(services.end(), host.services.begin(), host.services.end());
    hosts.emplace_back(host.config->name, std::vector{i});
  }
  CheckRepository(config, services, connectors.files, NowSeconds(), tell);
  Mutex mutex;
  OnEachHost(hosts, [&](const HostServices& host) {
    CheckHost(
        config, scope.hosts[host.second.front()], connectors,
        [&](Finding finding) {
          const MutexLock one_at_a_time(mutex);
          tell(std::move(finding));
        },
        stop);
  });
}

}  // namespace orcio::inline archiver

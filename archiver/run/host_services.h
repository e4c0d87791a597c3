#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "archiver/config/config.h"

namespace orcio::inline archiver {

// A host's services, as indices into all of them.
using HostServices = std::pair<std::string, std::vector<size_t>>;

// Hosts in the order of their first service.
[[nodiscard]] std::vector<HostServices> ByHost(const std::vector<const ServiceConfig*>& services);

// How many hosts are worked on at the same time.
[[nodiscard]] size_t HostWorkers(const std::vector<HostServices>& hosts);

// Calls `work` for each host, on HostWorkers threads, and returns once all calls have; throws what
// one of them threw.
void OnEachHost(const std::vector<HostServices>& hosts,
                const std::function<void(const HostServices&)>& work);

}  // namespace orcio::inline archiver

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/plan/finding.h"
#include "archiver/run/connectors.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What to look at. Points into the configuration.
struct CheckScope {
  struct Host {
    const HostConfig* config = nullptr;
    std::vector<const ServiceConfig*> services;
    bool whole = true;  // also what runs there and no service is about
  };
  std::vector<Host> hosts;
};

// The hosts named with all of their services, and the services named; everything if nothing is.
// kNotFound, with what was meant, for a name that is neither.
[[nodiscard]] Result<CheckScope> ChooseToCheck(const Config& config,
                                               const std::vector<std::string>& names);

// Looks at the repository, and over SSH at each host and each service on it, as a run would before
// it stops anything: up to four hosts at a time. Nothing is changed on a host. `tell` is called
// with each finding, one at a time, those of one host in order. What an interrupted look would have
// found is left out.
void Check(const Config& config, const CheckScope& scope, const Connectors& connectors,
           const TellFinding& tell, const std::stop_token& stop);

// The parts of it.

// Whether it can be written and has room for the next archives, and, of the services, what
// interrupted runs have left and what is older than `max_age:`.
void CheckRepository(const Config& config, const std::vector<const ServiceConfig*>& services,
                     const FileSystem& files, int64_t now_seconds, const TellFinding& tell);
// `config` for what its other services archive of this host.
void CheckHost(const Config& config, const CheckScope::Host& scope, const Connectors& connectors,
               const TellFinding& tell, const std::stop_token& stop);

}  // namespace orcio::inline archiver

#include "cli/shared/configured_host.h"

#include <string_view>
#include <vector>

#include "base/text/suggestion.h"

namespace orcio::cli {

Result<HostConfig> ConfiguredHost(const Config& config, const std::string& name) {
  const auto host = config.hosts.find(name);
  if (host != config.hosts.end()) return host->second;
  std::vector<std::string_view> known;
  for (const auto& entry : config.hosts) known.push_back(entry.first);
  return Fail(ErrorKind::kNotFound, "no host {} in the configuration{}", name,
              known.empty() ? "" : Suggestion(name, known));
}

}  // namespace orcio::cli

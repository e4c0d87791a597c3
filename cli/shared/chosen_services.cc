#include "cli/shared/chosen_services.h"

#include <algorithm>
#include <string_view>

#include "base/text/suggestion.h"

namespace orcio::cli {
namespace {

Failure Unknown(const Config& config, const std::string& name) {
  std::vector<std::string_view> known;
  for (const ServiceConfig& service : config.services) known.push_back(service.name);
  return Fail(ErrorKind::kNotFound, "no service {} in the configuration{}", name,
              Suggestion(name, known));
}

}  // namespace

Result<Services> ChooseServices(const Config& config, const std::vector<std::string>& names) {
  Services chosen;
  for (const std::string& name : names) {
    const ServiceConfig* service = config.FindService(name);
    if (service == nullptr) return Unknown(config, name);
    if (std::find(chosen.begin(), chosen.end(), service) == chosen.end()) chosen.push_back(service);
  }
  if (!names.empty()) return chosen;
  for (const ServiceConfig& service : config.services) chosen.push_back(&service);
  return chosen;
}

}  // namespace orcio::cli

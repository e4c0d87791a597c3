#pragma once

#include "archiver/config.h"
#include "archiver/config_reader.h"

namespace orcio {

// One entry of the configuration's `services:`; `hosts` is what `hosts:` defines.
[[nodiscard]] Result<ServiceConfig> ReadService(const NamedValue& named,
                                                const std::map<std::string, HostConfig>& hosts);

}  // namespace orcio

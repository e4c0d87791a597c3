#pragma once

#include "archiver/config/config.h"
#include "archiver/config/config_reader.h"

namespace orcio::inline archiver {

// One entry of the configuration's `services:`; `hosts` is what `hosts:` defines, `hooks` what
// `hooks:` says for all.
[[nodiscard]] Result<ServiceConfig> ReadService(const NamedValue& named,
                                                const std::map<std::string, HostConfig>& hosts,
                                                const HookConfig& hooks);

}  // namespace orcio::inline archiver

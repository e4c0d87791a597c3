#pragma once

#include "archiver/config/config.h"
#include "archiver/config/config_reader.h"

namespace orcio::inline archiver {

// A map of hooks, on top of `defaults`; a command `none` takes one away.
[[nodiscard]] Result<HookConfig> ReadHooks(const ConfigValue& value, HookConfig defaults);

// A URL for pings. A secret: no message has a word of it.
[[nodiscard]] Result<std::string> ReadPing(const ConfigValue& value);

// Who a mail is to: one local user, or one address.
[[nodiscard]] Result<std::string> ReadMail(const ConfigValue& value);

}  // namespace orcio::inline archiver

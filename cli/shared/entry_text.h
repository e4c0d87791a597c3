#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "cli/shared/context.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/compare/snapshot.h"

namespace orcio::cli {

// An entry of an archive, as every command that shows entries has it.

// Mode, links, owner, group, size and time, as `ls -l` has them, and a space after.
[[nodiscard]] std::string EntryDetails(const NodeInfo& node);
// " -> target" after a symlink's name, else nothing.
[[nodiscard]] Result<std::string> ArrowToTarget(const Context& context, const Sidecar& sidecar,
                                                const NodeInfo& node);
[[nodiscard]] Result<nlohmann::json> EntryJson(const Sidecar& sidecar, NodeId id,
                                               std::string_view path);
[[nodiscard]] nlohmann::json EntryJson(const Snapshot& entry, std::string_view path);
// "1700000000.000000005".
[[nodiscard]] std::string EpochText(const Timestamp& time);

}  // namespace orcio::cli

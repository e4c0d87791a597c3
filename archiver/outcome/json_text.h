#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "index/sidecar/run_facts.h"
#include "index/verify/verification.h"

namespace orcio::inline archiver {

struct ServiceOutcome;

// Adds `path` (and `path_base64` if it is no UTF-8) to a JSON object.
void AddPath(nlohmann::json& object, std::string_view path);
// As every --json prints it: bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string Dump(const nlohmann::json& value);

[[nodiscard]] nlohmann::json ToJson(const Downtime& downtime);
[[nodiscard]] nlohmann::json ToJson(const TransferFacts& transfer);
[[nodiscard]] nlohmann::json ToJson(const WireFacts& wire);
// When it was last verified in either way, how many damages are known, and `full` and `quick` with
// the same of each, if there was one.
[[nodiscard]] nlohmann::json ToJson(const Verification& verification);
// As `orcio archive --json` says what came of a service.
[[nodiscard]] nlohmann::json ToJson(const ServiceOutcome& outcome);

}  // namespace orcio::inline archiver

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/error.h"

namespace orcio {

// How long the service was down, and in what. Seconds.
struct Downtime {
  double stop = 0;    // from the stop request to its confirmation
  double stream = 0;  // until the last byte of the tar had arrived
  double start = 0;   // until the service was confirmed running again
  [[nodiscard]] double total() const { return stop + stream + start; }
  friend bool operator==(const Downtime&, const Downtime&) = default;
};

// What only the run that made an archive knows. A rebuilt sidecar has none of it but `tool`.
struct RunFacts {
  std::string service;
  std::string host;
  std::string mode;           // "stop", ...
  std::string control;        // "compose", ...
  int64_t start_seconds = 0;  // UTC, since the epoch; 0 where unknown
  int64_t end_seconds = 0;
  std::optional<Downtime> downtime;  // nothing where the service was not stopped
  std::vector<std::string> warnings;
  std::map<std::string, std::string> tools;  // e.g. "orcio" -> "0.1.0", "tar" -> "GNU tar 1.34"
  friend bool operator==(const RunFacts&, const RunFacts&) = default;
};

// The sidecar's FACT section: JSON in UTF-8. Bytes of a text that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string ToJson(const RunFacts& facts);
// Unknown keys are passed over; kDamaged where it is no JSON object or a known key has another
// type.
[[nodiscard]] Result<RunFacts> ParseRunFacts(std::string_view json);

}  // namespace orcio

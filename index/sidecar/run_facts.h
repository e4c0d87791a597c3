#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace orcio::inline index {

// How long the service was down, and in what. Seconds.
struct Downtime {
  double stop = 0;    // from the stop request to its confirmation
  double scan = 0;    // until it was known which files to read
  double stream = 0;  // until the last byte of the tar had arrived
  double start = 0;   // until the service was confirmed running again
  // Of all that, by docker's own record and its host's clock: from the end of the first container
  // to the start of the last one. Nothing if there is no such record.
  std::optional<double> not_running{};
  [[nodiscard]] double total() const { return stop + scan + stream + start; }
  friend bool operator==(const Downtime&, const Downtime&) = default;
};

// How an archive that was put together came here. Bytes of tar.
struct TransferFacts {
  bool full = false;            // every file was read
  uint64_t warm_bytes = 0;      // received while the service ran
  uint64_t cold_bytes = 0;      // received while it was stopped
  uint64_t copied_bytes = 0;    // of the archive, in members that were copied as they were
  uint64_t reused_entries = 0;  // from what earlier runs left
  friend bool operator==(const TransferFacts&, const TransferFacts&) = default;
};

// How much of it crossed the link, if the host compressed it.
struct WireFacts {
  std::string packer;  // "gzip" or "zstd"
  uint64_t bytes = 0;  // compressed
  friend bool operator==(const WireFacts&, const WireFacts&) = default;
};

// How much an archive holds: of the tar up to the end of its last entry, which no padding blurs.
struct ArchiveSize {
  uint64_t tar_bytes = 0;
  uint64_t entries = 0;
  friend bool operator==(const ArchiveSize&, const ArchiveSize&) = default;
};

// What only the run that made an archive knows. A rebuilt sidecar has none of it but `tool`.
struct RunFacts {
  std::string service;
  std::string host;
  std::string mode;           // "stop", ...
  std::string control;        // "compose", ...
  int64_t start_seconds = 0;  // UTC, since the epoch; 0 if unknown
  int64_t end_seconds = 0;
  std::optional<Downtime> downtime;       // nothing if the service was not stopped
  std::optional<TransferFacts> transfer;  // nothing if the tar came in one piece
  std::optional<WireFacts> wire;          // nothing if the tar came as it was
  // What the archives before it held, if this one holds so much less that it is no measure for
  // those to come, and counts for no rule of retention beside them.
  std::optional<ArchiveSize> shrunk_from;
  // Whether somebody said that its size is right, whatever those before it held.
  bool size_accepted = false;
  // Below the service's paths, or on them: where disks were mounted whose files it holds.
  std::vector<std::string> mounts;
  std::vector<std::string> warnings;
  std::map<std::string, std::string> tools;  // e.g. "orcio" -> "0.1.0", "tar" -> "GNU tar 1.34"
  friend bool operator==(const RunFacts&, const RunFacts&) = default;
};

// The sidecar's FACT section: JSON in UTF-8. Bytes of a text that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string ToJson(const RunFacts& facts);
// Unknown keys are passed over; kDamaged if it is no JSON object or a known key has another
// type.
[[nodiscard]] Result<RunFacts> ParseRunFacts(std::string_view json);

}  // namespace orcio::inline index

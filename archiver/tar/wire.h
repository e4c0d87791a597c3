#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/tar/unpack_sink.h"
#include "base/error.h"

namespace orcio::inline archiver {

// How a tar crosses the link: as it is, or compressed on the host.

// A shell command that writes to standard output what `tar_command` does, compressed, and exits as
// that one does. The same for Wire::kNone.
[[nodiscard]] std::string PackedCommand(Wire wire, const std::string& tar_command);

// Undoes it. Nothing for Wire::kNone. `sink` outlives it.
[[nodiscard]] std::unique_ptr<UnpackSink> MakeUnpackSink(Wire wire, ByteSink& sink);

// What is known of a host and the link to it.
struct WireSample {
  Wire packer = Wire::kNone;       // the best that the host has
  uint64_t bytes = 0;              // of tar
  uint64_t packed_bytes = 0;       // what became of them
  double pack_seconds = 0;         // which took so long
  double link_bytes_a_second = 0;  // 0: faster than can be told
};

// The packer, if a tar of which `ratio` is left arrives clearly earlier with it.
[[nodiscard]] Wire FasterWire(const WireSample& sample, double ratio);

// Wire::kNone, kGzip or kZstd: what `wire` says, or for kAuto whatever is faster by a sample of
// some MiB of the tar, sent while nothing is stopped. `last_ratio`: what compression left of the
// last archive's tar, which tells more than a sample. kRemote if the host lacks what `wire`
// names.
[[nodiscard]] Result<Wire> ChooseWire(Wire wire, RemoteHost& host, const std::string& tar_command,
                                      std::optional<double> last_ratio,
                                      const std::stop_token& stop);

}  // namespace orcio::inline archiver

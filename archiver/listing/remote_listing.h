#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/listing/host_listing.h"
#include "archiver/tar/remote_tar.h"
#include "base/error.h"

namespace orcio::inline archiver {

// How a host's files can be listed: found out, not assumed.
struct ListingTool {
  enum class Kind { kFind, kStat } kind = Kind::kFind;  // GNU find, or find and stat of busybox
  bool gzip = false;  // whether the list can be compressed on its way
};

// A host's clocks at one moment. What a file's times are measured by is the first one, which
// somebody may set; the second one runs evenly from boot on.
struct HostClock {
  int64_t seconds = 0;    // since the epoch
  int64_t uptime_ms = 0;  // 0 if the host does not tell
};

// kUnsupported, saying why, if the times of this host's files do not tell all changes, or cannot
// be read, or if its tar takes no names of single files.
[[nodiscard]] Result<ListingTool> DetectListing(RemoteHost& host, const ServiceConfig& service,
                                                const RemoteTar& tar, const std::stop_token& stop);

// Lists the service's files but the ones that it excludes and sockets, which no tar keeps. First,
// if `sync` says so, has the host write everything to disk: from then on a change of a page that
// had been changed before shows in its file's times again. Files that vanish meanwhile are left
// out. Returns the host's clock of before. kLimit if nothing of the list comes for
// `longest_silence`, the writing to disk included.
[[nodiscard]] Result<HostClock> ListFiles(RemoteHost& host, const ServiceConfig& service,
                                          const ListingTool& tool, bool sync, HostListing& into,
                                          std::chrono::seconds longest_silence,
                                          const std::stop_token& stop);

// The earliest that the host's clock can have shown since `then`, should somebody have set it once
// since.
[[nodiscard]] int64_t EarliestSeconds(const HostClock& then, const HostClock& now);

}  // namespace orcio::inline archiver

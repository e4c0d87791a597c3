#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/tar/standing_paths.h"
#include "base/error.h"
#include "index/files/file_system.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// A volume whose disk was not mounted is archived without an error: that it holds far less than it
// used to is all that tells.

// What a service's archives hold.
struct UsualSize {
  ArchiveSize most;
  std::shared_ptr<const Sidecar> last;  // of the last good one
  bool accepted = false;                // whether somebody said so of one of them
};

// What the last good archive had, and the host has no more.
struct MissingParts {
  std::vector<std::string> emptied;    // paths
  std::vector<std::string> unmounted;  // places below paths, or paths
};

// The most, of either, that the last complete archives of `service` hold: five of them, but none
// from before the last one whose size somebody accepted. Those that shrank are no measure: the
// second of a row is told of as the first. And the most rather than what is in the middle: nobody
// marked the empty ones of an orcio that did not look. Nothing if there is none. `archives` are
// a repository's, as Repository::List has them.
[[nodiscard]] std::optional<UsualSize> FindUsualSize(const FileSystem& files,
                                                     const std::vector<ArchiveFile>& archives,
                                                     const std::string& service);

// Those of several paths of a service that are empty directories on the host, and were not when its
// last good archive was made: one of them may be too small a part of all to show.
[[nodiscard]] std::vector<std::string> FindEmptied(const StandingPaths& now,
                                                   const ServiceConfig& service,
                                                   const Sidecar& last);

// Where something was mounted when its last good archive was made, which held it, and nothing is
// now, whatever it was: the disk below a path may have held too little of all to show. Into
// `missing`.
void FindUnmounted(const StandingPaths& now, const ServiceConfig& service, const UsualSize& usual,
                   MissingParts& missing);

// Whether it is less than the service's `min_ratio` of `usual`, or nothing but its paths is left
// though there was more.
[[nodiscard]] bool HasShrunk(const ServiceConfig& service, const ArchiveSize& size,
                             const ArchiveSize& usual);

// A warning for people, with what to do.
[[nodiscard]] std::string ShrunkWarning(const ServiceConfig& service, const ArchiveSize& size,
                                        const ArchiveSize& usual, const MissingParts& missing);

// Likewise, of an archive with no file in it, and none before it that had any.
[[nodiscard]] std::string BareWarning(const ServiceConfig& service);

}  // namespace orcio::inline archiver

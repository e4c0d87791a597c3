#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "index/archive/read/archive_reader.h"
#include "retrieve/plan/restore_plan.h"

namespace orcio::inline retrieve {

enum class OwnersBy {
  kNumber,  // as archived
  kName,    // this machine's number for the name in the tar, if it has one and it is known here
};

// What is not as it was archived.
struct RestoreProblem {
  std::string path;
  Error error;
  bool left_out = false;  // it is not there at all; else it lacks an attribute
};

struct RestoreOptions {
  OwnersBy owners = OwnersBy::kNumber;
  std::function<void(const RestoreProblem&)> problem = [](const RestoreProblem&) {};
  std::function<void(uint64_t bytes)> progress = [](uint64_t) {};  // of content, so far
};

struct Restored {
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of content, holes included
};

// Puts the planned entries below `target`, which is made (mode 0700) if it does not exist:
// contents and holes, owners (as root), modes, times to the nanosecond, hard links, extended
// attributes, ACLs, devices (as root). Nothing that stands there is replaced: if an entry's
// place is taken, nothing is restored at all. Directories that are there already are filled and
// keep what they are. No symlink in the target is followed. A file has its own name only once all
// of it is there; one that cannot be read or made is left out and reported, and the others go on.
// kCancelled if `stop` was requested; that and a full disk leave what is restored so far, with
// directories on the way still closed to others.
[[nodiscard]] Result<Restored> RestoreTree(const ArchiveReader& reader, const RestorePlan& plan,
                                           const std::filesystem::path& target,
                                           const RestoreOptions& options,
                                           const std::stop_token& stop);

struct VerifiedFiles {
  uint64_t files = 0;    // that are as archived
  uint64_t skipped = 0;  // of which the archive has no digest
};

// Reads the planned files below `target` back from the disk and compares their digests with the
// archived ones. `problem` is told of each that differs or cannot be read; `progress` of how much
// was read so far, holes included.
[[nodiscard]] Result<VerifiedFiles> VerifyRestored(
    const Sidecar& sidecar, const RestorePlan& plan, const std::filesystem::path& target,
    const std::function<void(const RestoreProblem&)>& problem,
    const std::function<void(uint64_t bytes)>& progress, const std::stop_token& stop);

}  // namespace orcio::inline retrieve

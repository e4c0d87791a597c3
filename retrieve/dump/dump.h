#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/archive/read/archive_reader.h"
#include "retrieve/plan/restore_plan.h"

namespace orcio::inline retrieve {

struct DumpOptions {
  // Only these of the entries, directories that no entry of the archive names among them; outlives
  // the dump. Without it all there are.
  const RestorePlan* plan = nullptr;
  // Put before every path, a name without slashes; that of the archive's root is then `below`.
  std::string below = {};
  // An empty file after all others: who finds it has unpacked all of the tar. Empty: none.
  std::string last_entry = {};
  bool plain = false;        // for a tar without pax records: MakePlainTarHeader
  bool owner_names = false;  // the archived names of the owners, too
  bool set_ids = true;       // setuid and setgid bits, as archived
};

struct DumpResult {
  uint64_t entries = 0;
  uint64_t bytes = 0;                 // of content, as it stands in the tar
  std::vector<std::string> left_out;  // files whose content the archive has lost
};

// Hands a subtree of an archive to `take` as a tar of pax format, end-of-archive marker included:
// what `tar x` makes of it is what it would make of the same entries of the archive. Paths are
// those in the archive; directories above `root` are not part of it. Entries of one directory
// follow one another, as in the archive: it is read front to back, and GNU tar sets directories'
// times right. Fails at the first damage: the tar is then cut short.
[[nodiscard]] Result<DumpResult> DumpTree(
    const ArchiveReader& reader, NodeId root,
    const std::function<Result<void>(std::span<const std::byte>)>& take,
    const DumpOptions& options = {});

}  // namespace orcio::inline retrieve

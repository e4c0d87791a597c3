#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "index/archive/read/archive_reader.h"
#include "retrieve/dump/tar_header.h"

namespace orcio::inline retrieve {

// The names of the owners in the header of an entry, which some tars leave out; none for a
// directory that no entry names.
[[nodiscard]] Result<OwnerNames> RecordedNames(const ArchiveReader& reader, const NodeInfo& node);

// The numbers that this machine has for the names in the headers of an archive's entries.
class RecordedOwners {
 public:
  explicit RecordedOwners(const ArchiveReader& reader) : reader_(reader) {}

  // User and group; the archived number if the header has no name, or one unknown here.
  [[nodiscard]] Result<std::pair<uint32_t, uint32_t>> Of(const NodeInfo& node);

 private:
  const ArchiveReader& reader_;
  std::map<std::string, int64_t> users_;  // -1: unknown
  std::map<std::string, int64_t> groups_;
};

}  // namespace orcio::inline retrieve

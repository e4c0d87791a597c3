#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "archiver/listing/host_listing.h"
#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// What the next run of a service must know of an archive, beside it in `.<archive>.listing`
// (index/repository/listing_path.h): for each entry of its tar what the host told of the file.
// Without it the next run reads everything; one that is damaged, or of another archive, counts as
// none.

// One entry, in the tar's order.
struct ListedEntry {
  std::string_view path;  // relative to the root
  HostFile file;
  // Of the entry with its headers and padding. 0 if there is none: the host had the file, and it
  // stands here for the order of the others.
  uint64_t tar_bytes = 0;
  // Whether the file is known not to have changed without showing it: it had been at rest when the
  // host last wrote everything to disk.
  bool steady = false;
};

struct ListingFacts {
  Sha256Digest archive_sha256{};
  std::string tar;               // that wrote the entries: another one may write them otherwise
  uint32_t runs_since_full = 0;  // since every file was read
  uint64_t entries = 0;
};

// Replaces the listing of `archive`. `entries` is called with a function for each entry in turn.
using TakeListedEntry = std::function<Result<void>(const ListedEntry&)>;
[[nodiscard]] Result<void> WriteListing(
    const FileSystem& files, const std::filesystem::path& archive, const ListingFacts& facts,
    const std::function<Result<void>(const TakeListedEntry&)>& entries);

// Reads the listing of `archive` from front to back; `entry` is called for each. kNotFound if
// there is none; kDamaged if it makes no sense: what was handed out by then is not to be used.
[[nodiscard]] Result<ListingFacts> ReadListing(const FileSystem& files,
                                               const std::filesystem::path& archive,
                                               const TakeListedEntry& entry);

}  // namespace orcio::inline archiver

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archiver/listing/host_listing.h"
#include "base/memory/scratch_memory.h"

namespace orcio::inline archiver {

// Files to be fetched, by name.
struct FetchList {
  // In the order in which they are to come; all names of one file together.
  std::vector<std::vector<std::string>> names;
  uint64_t bytes = 0;  // of content, a file of several names once
};

// The files of a listing that no layer holds: `where` is WhereHeld's, `order` ListingOrder's. With
// `steady_before`, seconds since the epoch, without those that changed then or later, which would
// have to be fetched once more anyway.
[[nodiscard]] FetchList MissingFiles(const HostListing& files, const ScratchArray<uint32_t>& order,
                                     const ScratchArray<uint8_t>& where,
                                     std::optional<int64_t> steady_before);

}  // namespace orcio::inline archiver

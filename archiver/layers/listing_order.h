#pragma once

#include <cstdint>
#include <vector>

#include "archiver/layers/layer.h"
#include "archiver/listing/host_listing.h"
#include "base/memory/scratch_memory.h"

namespace orcio::inline archiver {

// The files of a listing in the order of a tar: a directory, then all that is below it, then the
// next. GNU tar gives a directory its time once it has gone on to something else, and a hard link
// needs what it links to before it. What a layer has listed comes in that layer's order, the first
// layer that has; what none has comes last in its directory, in the listing's order. So whatever is
// ordered once keeps its order when more layers follow.
[[nodiscard]] ScratchArray<uint32_t> ListingOrder(const HostListing& now,
                                                  const std::vector<const Layer*>& layers,
                                                  ScratchMemory& memory);

}  // namespace orcio::inline archiver

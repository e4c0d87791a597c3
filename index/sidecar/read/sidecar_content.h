#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/sidecar/read/checked_map.h"
#include "index/sidecar/read/sidecar_records.h"

namespace orcio::inline index {

// What a sidecar holds of varying length, copied out of it. As in sidecar_records.h, whatever
// breaks a rule of FORMAT.md is kDamaged.

// Of a file; neither empty nor overlapping, ascending, within the file.
[[nodiscard]] Result<std::vector<Extent>> LoadExtents(const CheckedMap& map,
                                                      const NodeRecord& file);
// Of any node; none if it has none.
[[nodiscard]] Result<std::vector<ExtendedAttribute>> LoadAttributes(const CheckedMap& map,
                                                                    const NodeRecord& record);
// All of a section that holds text, which may have at most `limit` bytes.
[[nodiscard]] Result<std::string> LoadText(const CheckedMap& map, SectionId section,
                                           uint64_t limit);

}  // namespace orcio::inline index

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "index/entry/entry.h"
#include "index/tar/tar_headers.h"

namespace orcio::inline index {

// One entry out of its headers: everything but size, offsets, extents and digest. Nothing if it
// is not an entry that a tree can hold. Takes what it needs out of `headers`; appends to `warnings`
// what is odd, without the path.
[[nodiscard]] std::optional<TarEntry> MakeTarEntry(TarHeaders& headers,
                                                   std::vector<std::string>& warnings);

}  // namespace orcio::inline index

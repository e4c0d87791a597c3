#pragma once

#include <optional>
#include <string>
#include <vector>

#include "index/entry.h"
#include "index/tar_headers.h"

struct archive_entry;

namespace orcio {

// One entry out of what libarchive made of its headers and what they say themselves: everything but
// offsets, extents and digest. `size` is that of a file's or hard link's content, else 0. Nothing
// where it is not an entry that a tree can hold. Appends to `warnings` what is odd, without the
// path.
[[nodiscard]] std::optional<TarEntry> MakeTarEntry(archive_entry& source, TarHeaders&& headers,
                                                   std::vector<std::string>& warnings);

}  // namespace orcio

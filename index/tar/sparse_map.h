#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "index/tar/tar_headers.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {

// Which bytes of a file the tar has; what is between them is a hole.
struct SparseMap {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;  // offset in the file, and length, as given
  uint64_t size = 0;                                  // of the file, holes included
  uint64_t stored_bytes = 0;                          // of content, after the map
  bool sound = true;                                  // whether the map could be read
};

// The map of a sparse file in any of its forms: GNU's old one with its extra header blocks, which
// are read from `stream`, star's like it, and GNU's pax forms 0.0, 0.1 and 1.0, of which the last
// has it before the content. Nothing if the file is not sparse.
[[nodiscard]] Result<std::optional<SparseMap>> ReadSparseMap(TarStream& stream,
                                                             TarHeaders& headers);

}  // namespace orcio::inline index

#pragma once

#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/gzip/gzip_stream.h"
#include "index/inflate/inflater.h"

namespace orcio::inline index {

// An inflater that stands at a place of an archive, to be given the bytes from that bit's on.
// kDamaged, with `what` before it, if no block that reaches so far begins where the place says.
[[nodiscard]] Result<Inflater> InflaterAt(const RandomAccess& archive,
                                          const GzipStream::Position& place,
                                          const std::string& what);

}  // namespace orcio::inline index

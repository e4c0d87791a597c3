#pragma once

#include "base/error.h"
#include "index/files/byte_source.h"

namespace orcio::inline index {

// Passes over the header of a gzip member (RFC 1952, 2.3), whatever its name, comment and extra
// field hold and however long they are. kDamaged if it is none, or contradicts its CRC; if
// the source just ends inside it, all of `in` is consumed as well.
[[nodiscard]] Result<void> ReadGzipHeader(InputBuffer& in);

}  // namespace orcio::inline index

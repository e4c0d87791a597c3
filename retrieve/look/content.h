#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/error.h"
#include "index/archive/read/archive_reader.h"

namespace orcio::inline retrieve {

// Hands the whole content of a file to `take`, front to back, holes as zeros. `what` is what
// messages call the file. kDamaged if it is.
[[nodiscard]] Result<void> StreamFile(
    const ArchiveReader& reader, NodeId file, std::string_view what,
    const std::function<Result<void>(std::span<const std::byte>)>& take);

// All of a file of at most `limit` bytes; kLimit if it is larger.
[[nodiscard]] Result<std::string> ReadText(const ArchiveReader& reader, NodeId file,
                                           std::string_view what, uint64_t limit);

}  // namespace orcio::inline retrieve

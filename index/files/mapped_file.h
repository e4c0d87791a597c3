#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// Maps the first `bytes` bytes of the open file `fd`, which may be closed afterwards. From the
// first call on the process handles SIGBUS inside such maps: a page that the disk does not give up,
// or that was cut off, reads as zeros and marks the map as faulted. Elsewhere SIGBUS ends the
// process as before. Pages come one by one as they are touched: who reads many asks for them first.
// kLimit at 65,536 maps.
[[nodiscard]] Result<std::unique_ptr<MappedFile>> MapFile(int fd, uint64_t bytes,
                                                          const std::filesystem::path& path);

}  // namespace orcio::inline index

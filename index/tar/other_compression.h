#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/tar/tar_source.h"

namespace orcio::inline index {

// Which compression a file is in by its first bytes: "gzip", "xz", "zstd", "bzip2", "lz4", "lzip",
// "lzma", "compress"; empty if none of these. 13 bytes are enough.
[[nodiscard]] std::string_view CompressionOf(std::span<const std::byte> head);

// What is inside a file in a compression other than gzip, front to back: orcio reads those only so,
// never at an offset, and only to make an archive of its own of them. Errors name the file and are
// kDamaged. `file` outlives it.
[[nodiscard]] Result<std::unique_ptr<TarSource>> OpenOtherCompression(const RandomAccess& file,
                                                                      std::string name);

}  // namespace orcio::inline index

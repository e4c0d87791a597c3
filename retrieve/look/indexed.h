#pragma once

#include <memory>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline retrieve {

// The sidecar of `archive`, which must belong to the archive as it is now. kUnsupported if there
// is none; says that `orcio index` makes it. If the archive itself cannot be read, says that
// alone.
[[nodiscard]] Result<std::shared_ptr<const Sidecar>> OpenSidecar(const FileSystem& files,
                                                                 const ArchiveFile& archive);

}  // namespace orcio::inline retrieve

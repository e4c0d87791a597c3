#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/verify/verify.h"

namespace orcio::inline index {

// Reads every byte of an archive without its sidecar, and says what the checksums in it and the tar
// itself have against it: stretches that cannot be read, in the archive's order; if there are
// none, whatever else makes the tar less than whole. Empty if there is nothing. Which files are
// hit is not known. `name` is for messages; `sidecar` says where what takes too much memory may go
// meanwhile.
[[nodiscard]] Result<std::vector<ArchiveDamage>> CheckOwnBytes(const FileSystem& files,
                                                               const RandomAccess& archive,
                                                               const std::string& name,
                                                               const std::filesystem::path& sidecar,
                                                               const VerifyOptions& options,
                                                               const std::stop_token& stop);

}  // namespace orcio::inline index

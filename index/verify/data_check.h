#pragma once

#include "base/error.h"
#include "index/archive/read/archive_reader.h"
#include "index/files/file_system.h"
#include "index/verify/damage_findings.h"
#include "index/verify/verify.h"

namespace orcio::inline index {

// Decodes every span of an archive and compares each file with its digest. Findings come in the
// order of the tar. Returns what was compared.
[[nodiscard]] Result<VerifyCounts> CheckData(const RandomAccess& archive,
                                             const ArchiveReader& reader,
                                             const VerifyOptions& options, DamageFindings& findings,
                                             const std::stop_token& stop);

}  // namespace orcio::inline index

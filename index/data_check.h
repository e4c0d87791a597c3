#pragma once

#include "index/archive_reader.h"
#include "index/damage_findings.h"
#include "index/error.h"
#include "index/file_system.h"
#include "index/verify.h"

namespace orcio {

// Decodes every span of an archive and compares each file with its digest. Findings come in the
// order of the tar. Returns what was compared.
[[nodiscard]] Result<VerifyCounts> CheckData(const RandomAccess& archive,
                                             const ArchiveReader& reader,
                                             const VerifyOptions& options, DamageFindings& findings,
                                             const std::stop_token& stop);

}  // namespace orcio

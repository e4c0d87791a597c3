#pragma once

#include "cli/restore/restore_words.h"
#include "cli/shared/context.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"

namespace orcio::cli {

// `orcio restore --in-place`: replaces the service's files on its host, and tells of it. With
// --dry-run, or without --yes, it says what would be replaced.
[[nodiscard]] ExitCode RestoreInPlace(const Context& context, const Opened& opened,
                                      const RestoreWords& words, const Interrupt& interrupt);

}  // namespace orcio::cli

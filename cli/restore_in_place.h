#pragma once

#include "cli/context.h"
#include "cli/interrupt.h"
#include "cli/named_archive.h"
#include "cli/restore_words.h"

namespace orcio::cli {

// `orcio restore --in-place`: replaces the service's files on its host, and tells of it. With
// --dry-run, or without --yes, it says what would be replaced.
[[nodiscard]] ExitCode RestoreInPlace(const Context& context, const Opened& opened,
                                      const RestoreWords& words, const Interrupt& interrupt);

}  // namespace orcio::cli

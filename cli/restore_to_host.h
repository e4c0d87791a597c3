#pragma once

#include "cli/context.h"
#include "cli/interrupt.h"
#include "cli/named_archive.h"
#include "cli/restore_words.h"
#include "retrieve/restore_plan.h"

namespace orcio::cli {

// `orcio restore --to HOST`: has a host unpack the planned entries, and tells of it.
[[nodiscard]] ExitCode RestoreToHost(const Context& context, const Opened& opened,
                                     const RestorePlan& plan, const RestoreWords& words,
                                     const Interrupt& interrupt);

}  // namespace orcio::cli

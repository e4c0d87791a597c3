#pragma once

#include "cli/restore/restore_words.h"
#include "cli/shared/context.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"
#include "retrieve/plan/restore_plan.h"

namespace orcio::cli {

// `orcio restore --to HOST`: has a host unpack the planned entries, and tells of it.
[[nodiscard]] ExitCode RestoreToHost(const Context& context, const Opened& opened,
                                     const RestorePlan& plan, const RestoreWords& words,
                                     const Interrupt& interrupt);

}  // namespace orcio::cli

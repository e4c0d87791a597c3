#pragma once

#include "archiver/config/config.h"
#include "cli/shared/chosen_services.h"
#include "cli/shared/context.h"
#include "cli/shared/exit_code.h"

namespace orcio::cli {

// `archive --dry-run`: logs in to the services' hosts, looks, and says what a run would do with
// each and what it may take. Nothing is stopped. `services` are among the configuration's.
[[nodiscard]] ExitCode ShowArchivePlans(const Context& context, const Config& config,
                                        const Services& services);

}  // namespace orcio::cli

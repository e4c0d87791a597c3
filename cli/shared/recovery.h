#pragma once

#include <stop_token>

#include "archiver/run/recover.h"
#include "cli/shared/context.h"
#include "cli/shared/exit_code.h"

namespace orcio::cli {

// The real hosts and services.
[[nodiscard]] Connectors RealConnectors();

// Recovers everything there is to recover in the configuration's repository, whose lock the caller
// holds, and says what came of it.
[[nodiscard]] ExitCode RecoverAll(const Context& context, const Config& config,
                                  const RecoverOptions& options, const std::stop_token& stop);

}  // namespace orcio::cli

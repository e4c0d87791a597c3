#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "cli/shared/context.h"
#include "cli/shared/exit_code.h"

namespace orcio::cli {

// Adds a command's words to `app` and returns what to run once they were parsed. `context` outlives
// both.
using Command = std::function<ExitCode()>;
using AddCommand = Command (*)(CLI::App& app, const Context& context);

Command AddArchive(CLI::App& app, const Context& context);
Command AddCat(CLI::App& app, const Context& context);
Command AddCheck(CLI::App& app, const Context& context);
Command AddDiff(CLI::App& app, const Context& context);
Command AddDump(CLI::App& app, const Context& context);
Command AddExport(CLI::App& app, const Context& context);
Command AddFind(CLI::App& app, const Context& context);
Command AddHistory(CLI::App& app, const Context& context);
Command AddIndex(CLI::App& app, const Context& context);
Command AddList(CLI::App& app, const Context& context);
Command AddLs(CLI::App& app, const Context& context);
Command AddMount(CLI::App& app, const Context& context);
Command AddProtect(CLI::App& app, const Context& context);
Command AddPrune(CLI::App& app, const Context& context);
Command AddRecover(CLI::App& app, const Context& context);
Command AddRepack(CLI::App& app, const Context& context);
Command AddRestore(CLI::App& app, const Context& context);
Command AddStatus(CLI::App& app, const Context& context);
Command AddUmount(CLI::App& app, const Context& context);
Command AddUnprotect(CLI::App& app, const Context& context);
Command AddVerify(CLI::App& app, const Context& context);

}  // namespace orcio::cli

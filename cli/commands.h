#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "cli/context.h"
#include "cli/exit_code.h"

namespace orcio::cli {

// Adds a command's words to `app` and returns what to run once they were parsed. `context` outlives
// both.
using Command = std::function<ExitCode()>;
using AddCommand = Command (*)(CLI::App& app, const Context& context);

Command AddArchive(CLI::App& app, const Context& context);
Command AddCat(CLI::App& app, const Context& context);
Command AddIndex(CLI::App& app, const Context& context);
Command AddList(CLI::App& app, const Context& context);
Command AddLs(CLI::App& app, const Context& context);
Command AddMount(CLI::App& app, const Context& context);
Command AddUmount(CLI::App& app, const Context& context);

}  // namespace orcio::cli

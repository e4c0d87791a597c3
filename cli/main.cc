#include <array>
#include <exception>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/exit_code.h"

namespace orcio::cli {
namespace {

struct Subcommand {
  const char* name;
  const char* summary;
  const char* example;
  AddCommand add;
};

constexpr std::array<Subcommand, 7> kSubcommands{{
    {"archive", "Archive all services, or those named: the nightly job", "orcio archive wiki",
     AddArchive},
    {"mount", "Mount the repository, to browse and to copy files out", "orcio mount /backups",
     AddMount},
    {"umount", "Unmount it", "orcio umount /backups", AddUmount},
    {"index", "Make or rebuild the index beside an archive", "orcio index wiki@2026-11-23",
     AddIndex},
    {"list", "List the archives", "orcio list wiki", AddList},
    {"ls", "List what is in an archive, without a mount", "orcio ls -l wiki@latest:srv/wiki",
     AddLs},
    {"cat", "Write a file from an archive to standard output",
     "orcio cat wiki@latest~1:srv/wiki/config.php", AddCat},
}};

void AddCommonOptions(CLI::App& app, Context& context) {
  app.set_version_flag("--version", "orcio " ORCIO_VERSION);
  app.add_option("-c,--config", context.config_path, "The configuration")->capture_default_str();
  app.add_option("-r,--repository", context.repository_path,
                 "The directory of archives; enough for all that needs no host");
  app.add_flag("--json", context.json, "Answer in JSON");
  app.add_flag("-q,--quiet", context.quiet, "Say only what went wrong");
  app.add_flag("-v,--verbose", context.verbose, "Say more");
}

ExitCode Run(int argc, char** argv) {
  Context context;
  CLI::App app("Archives the services of your hosts, and shows every archive as a directory.",
               "orcio");
  AddCommonOptions(app, context);
  app.require_subcommand(1);
  app.fallthrough();
  Command chosen;
  for (const Subcommand& subcommand : kSubcommands) {
    CLI::App* sub = app.add_subcommand(subcommand.name, subcommand.summary);
    sub->footer(std::string("Example: ") + subcommand.example);
    sub->callback([&chosen, command = subcommand.add(*sub, context)] { chosen = command; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return chosen();
}

}  // namespace
}  // namespace orcio::cli

int main(int argc, char** argv) {
  try {
    return orcio::cli::Run(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "orcio: a bug, or out of memory: %s\n", exception.what());
    return orcio::cli::kFailed;
  }
}

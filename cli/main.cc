#include <signal.h>

#include <array>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/text/suggestion.h"
#include "cli/complete/completion.h"
#include "cli/mount/mount_helper.h"
#include "cli/shared/commands.h"
#include "cli/shared/context.h"
#include "cli/shared/exit_code.h"

namespace orcio::cli {
namespace {

struct Subcommand {
  const char* name;
  const char* summary;
  const char* example;
  AddCommand add;
};

constexpr std::array<Subcommand, 21> kSubcommands{{
    {"archive", "Archive all services, or those named: the nightly job", "orcio archive wiki",
     AddArchive},
    {"check", "Look at hosts and services, and say what is wrong and what to do about it",
     "orcio check atena", AddCheck},
    {"mount", "Mount the repository, to browse and to copy files out", "orcio mount /backups",
     AddMount},
    {"umount", "Unmount it", "orcio umount /backups", AddUmount},
    {"index", "Make or rebuild the index beside an archive", "orcio index wiki@2026-11-23",
     AddIndex},
    {"list", "List the archives", "orcio list wiki", AddList},
    {"ls", "List what is in an archive, without a mount", "orcio ls -l wiki@latest:srv/wiki",
     AddLs},
    {"find", "Find files in all archives, newest first", "orcio find wiki '*.php' --newer 30d",
     AddFind},
    {"history", "Show the versions of a file, or of all files below a directory",
     "orcio history wiki:srv/wiki/config.php", AddHistory},
    {"diff", "Show what differs between two archives", "orcio diff wiki@latest~1 wiki", AddDiff},
    {"dump", "Write what an archive holds below a path to standard output, as a tar",
     "orcio dump wiki:srv/wiki/images | tar x -C /tmp", AddDump},
    {"restore", "Put archived files into a new directory",
     "orcio restore wiki@2026-11-23 srv/wiki/images --target /tmp/images", AddRestore},
    {"recover", "Start whatever an interrupted run has left stopped", "orcio recover", AddRecover},
    {"cat", "Write a file from an archive to standard output",
     "orcio cat wiki@latest~1:srv/wiki/config.php", AddCat},
    {"verify", "Check archives against their indexes", "orcio verify --read-data", AddVerify},
    {"repack", "Rewrite somebody else's archive as orcio's own", "orcio repack old-20191105.tgz",
     AddRepack},
    {"export", "Copy an archive to a directory, a host, or a command's standard input",
     "orcio export wiki /media/usb", AddExport},
    {"status", "Show how every service's backups do, or what a mount has done", "orcio status",
     AddStatus},
    {"prune", "Remove archives that the configuration's `keep:` does not keep",
     "orcio prune --dry-run", AddPrune},
    {"protect", "Keep an archive whatever `keep:` says", "orcio protect wiki@2026-11-23",
     AddProtect},
    {"unprotect", "Leave it to `keep:` again", "orcio unprotect wiki@2026-11-23", AddUnprotect},
}};

void AddCommonOptions(CLI::App& app, Context& context) {
  app.set_version_flag("--version", "orcio " ORCIO_VERSION);
  app.add_option("-c,--config", context.config_path, "The configuration")->capture_default_str();
  app.add_option("-r,--repository", context.repository_path,
                 "The directory of archives; enough for all that needs no host");
  app.add_option("--index-dir", context.index_directory,
                 "Where indexes are made; default: beside the archives, or, where that cannot be "
                 "written, in $XDG_CACHE_HOME/orcio");
  app.add_flag("--json", context.json, "Answer in JSON");
  app.add_flag("-q,--quiet", context.quiet, "Say only what went wrong");
  app.add_flag("-v,--verbose", context.verbose, "Say more");
}

// `chosen` becomes the one that is parsed.
void AddCommands(CLI::App& app, const Context& context, Command& chosen) {
  for (const Subcommand& subcommand : kSubcommands) {
    CLI::App* sub = app.add_subcommand(subcommand.name, subcommand.summary);
    sub->footer(std::string("Example: ") + subcommand.example);
    sub->callback([&chosen, command = subcommand.add(*sub, context)] { chosen = command; });
  }
}

// For shells alone, hence not in --help.
constexpr std::string_view kCompleteCommand = "__complete";

// mount(8) tells failures to mount from others by this (MNT_EX_FAIL).
constexpr int kMountFailed = 32;

ExitCode Run(int argc, const char* const* argv) {
  Context context;
  CLI::App app("Archives the services of your hosts, and shows every archive as a directory.",
               "orcio");
  AddCommonOptions(app, context);
  app.require_subcommand(1);
  app.fallthrough();
  Command chosen;
  AddCommands(app, context, chosen);
  if (argc > 1 && std::string_view(argv[1]) == kCompleteCommand) {
    const std::vector<std::string> words(argv + 2, argv + argc);
    context.Print(FormatCompletion(Complete(app, context, words)));
    return kDone;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const auto words = app.remaining();
    if (words.empty()) return app.exit(error) == 0 ? kDone : kUsage;
    std::vector<std::string_view> known;
    for (const Subcommand& subcommand : kSubcommands) known.push_back(subcommand.name);
    context.Warn(fmt::format("no command {}{}", words.front(), Suggestion(words.front(), known)));
    return kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return chosen();
}

int RunMountHelper(const MountHelperCall& call) {
  if (call.fake) return kDone;
  std::vector<const char*> words;
  for (const std::string& word : call.words) words.push_back(word.c_str());
  return Run(static_cast<int>(words.size()), words.data()) == kDone ? kDone : kMountFailed;
}

int Main(std::span<const char* const> words) {
  if (const auto call = ReadMountHelperCall(words)) return RunMountHelper(*call);
  return Run(static_cast<int>(words.size()), words.data());
}

}  // namespace
}  // namespace orcio::cli

int main(int argc, char** argv) {
  ::signal(SIGXFSZ, SIG_IGN);  // past `ulimit -f` a write fails, and a service may have to start
  try {
    return orcio::cli::Main({argv, static_cast<size_t>(argc)});
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "orcio: a bug, or out of memory: %s\n", exception.what());
    return orcio::cli::kFailed;
  }
}

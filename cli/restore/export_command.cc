#include <chrono>
#include <memory>

#include "archiver/export/export.h"
#include "archiver/ssh/ssh_host.h"
#include "base/text/figures.h"
#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/configured_host.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"

namespace orcio::cli {
namespace {

struct ExportChoice {
  std::string archive;
  std::string destination;
  std::string to_command;
  bool with_sidecar = false;
};

Result<void> CheckChoice(const ExportChoice& choice) {
  if (choice.destination.empty() == choice.to_command.empty())
    return Fail(ErrorKind::kInvalid,
                "name one destination: a directory, HOST:DIRECTORY, or --to-command COMMAND");
  if (choice.with_sidecar && !choice.to_command.empty())
    return Fail(ErrorKind::kInvalid,
                "a command's standard input takes the archive alone: leave out --with-sidecar; "
                "`orcio index` makes the index from the archive anywhere");
  return {};
}

// If -r names the directory of archives, there need be no configuration, and no rule in one.
Result<Config> Rules(const Context& context) {
  auto config = context.LoadConfiguration();
  if (config || context.repository_path.empty()) return config;
  const auto there = LocalFileSystem().Status(context.config_path);
  if (!there && ToErrno(there.error()) == ENOENT) return Config{};
  return config;
}

Result<std::unique_ptr<ExportTarget>> TargetOf(const Config& config, const ExportChoice& choice,
                                               const ExportPlan& plan) {
  if (!choice.to_command.empty()) return MakeCommandTarget(choice.to_command, plan.service);
  const std::string& destination = choice.destination;
  const size_t colon = destination.find(':');
  // As scp has it: a path with a colon is written with a slash before.
  if (colon == std::string::npos || destination.find('/') < colon)
    return MakeDirectoryTarget(LocalFileSystem(), destination);
  const std::string name = destination.substr(0, colon);
  const std::string directory = destination.substr(colon + 1);
  const HostConfig host = ORCIO_TRY(ConfiguredHost(config, name));
  if (!directory.starts_with('/'))
    return Fail(ErrorKind::kInvalid, "{}: write the directory on the host from / on, as in {}:/srv",
                destination, name);
  return MakeHostTarget(MakeSshHost(host), directory);
}

void Tell(const Context& context, const ExportPlan& plan, const Exported& exported,
          double seconds) {
  const std::string sha256 = ToHex(exported.sha256);
  if (context.json) {
    nlohmann::json object = {{"type", "export"},          {"service", plan.service},
                             {"to", exported.place},      {"bytes", exported.bytes},
                             {"sha256", sha256},          {"sidecar", plan.sidecar.has_value()},
                             {"complete", plan.complete}, {"seconds", seconds}};
    AddPath(object, plan.archive.string());
    context.PrintJson(object);
  } else if (context.verbose > 0 || context.Interactive()) {
    context.Print(fmt::format("{} is at {}: {}, SHA-256 {}\n", context.Shown(plan.archive.string()),
                              context.Shown(exported.place), FormatBytes(exported.bytes), sha256));
  }
}

Result<ExitCode> ExportOne(const Context& context, const ExportChoice& choice,
                           const std::stop_token& stop) {
  ORCIO_TRY(CheckChoice(choice));
  const Config config = ORCIO_TRY(Rules(context));
  const ArchiveFile archive = ORCIO_TRY(NamedArchive(context, choice.archive));
  const auto& files = LocalFileSystem();
  const ExportPlan plan = ORCIO_TRY(PlanExport(files, archive, choice.with_sidecar));
  if (const auto why = WhyNotOffsite(config, archive, plan)) {
    context.Warn(*why);
    return kFailed;
  }
  const auto target = ORCIO_TRY(TargetOf(config, choice, plan));
  ProgressLine line(context.Interactive());
  ByteProgress progress(line, archive.path.filename().string());
  const auto begun = std::chrono::steady_clock::now();
  const auto show = [&](uint64_t done, uint64_t total) { progress.Show(done, total); };
  const auto exported = ORCIO_TRY(Export(files, plan, *target, show, stop));
  line.Clear();
  Tell(context, plan, exported, SecondsSince(begun));
  if (plan.complete) return kDone;
  context.Warn(fmt::format("{} is incomplete: entries may be missing in the copy, too",
                           archive.path.string()));
  return kWarnings;
}

ExitCode RunExport(const Context& context, const ExportChoice& choice) {
  const Interrupt interrupt;
  const auto code = ExportOne(context, choice, interrupt.token());
  if (code) return *code;
  const ExitCode failed = context.Report(code.error());
  return interrupt.requested() ? interrupt.exit_code() : failed;
}

}  // namespace

Command AddExport(CLI::App& app, const Context& context) {
  auto choice = std::make_shared<ExportChoice>();
  app.add_option("ARCHIVE", choice->archive, "A file, or SERVICE[@DATE]")->required();
  app.add_option("DEST", choice->destination,
                 "A directory, or HOST:DIRECTORY with a host of the configuration");
  app.add_option("--to-command", choice->to_command,
                 "Give the archive to this command's standard input");
  app.add_flag("--with-sidecar", choice->with_sidecar, "Copy its index, too");
  return [&context, choice] { return RunExport(context, *choice); };
}

}  // namespace orcio::cli

#include <memory>

#include "base/text/words.h"
#include "cli/keep/pruning.h"
#include "cli/output/text.h"
#include "cli/shared/chosen_services.h"
#include "cli/shared/commands.h"
#include "cli/shared/named_archive.h"
#include "index/repository/repository_lock.h"
#include "index/upkeep/protection.h"

namespace orcio::cli {
namespace {

struct PruneChoice {
  std::vector<std::string> services;
  bool dry_run = false;
};

// The services that have a policy; those named must have one.
Result<Services> Choose(const Config& config, const std::vector<std::string>& names) {
  Services chosen;
  for (const ServiceConfig* service : ORCIO_TRY(ChooseServices(config, names))) {
    if (service->keep) {
      chosen.push_back(service);
    } else if (!names.empty()) {
      return Fail(ErrorKind::kInvalid,
                  "{} has no `keep:` in the configuration: all of its archives are kept",
                  service->name);
    }
  }
  if (!chosen.empty()) return chosen;
  return Fail(ErrorKind::kInvalid,
              "no service has a `keep:` in the configuration: all archives are kept");
}

nlohmann::json ToJson(const PruneItem& item) {
  nlohmann::json object = {{"service", item.archive.name.service}, {"date", item.archive.date},
                           {"bytes", item.archive.status.size},    {"state", item.state},
                           {"keep", !item.reasons.empty()},        {"reasons", item.reasons}};
  AddPath(object, item.archive.path.string());
  return object;
}

std::vector<std::string> ToRow(const PruneItem& item, bool dry_run) {
  return {item.archive.name.service, item.archive.date, FormatBytes(item.archive.status.size),
          !item.reasons.empty() ? "kept: " + Join(item.reasons)
          : dry_run             ? "would be removed"
                                : "removed"};
}

ExitCode Prune(const Context& context, const PruneChoice& choice) {
  const auto config = context.LoadConfiguration();
  if (!config) return context.Report(config.error());
  const auto services = Choose(*config, choice.services);
  if (!services) return context.Report(services.error());
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  Result<RepositoryLock> lock = Fail(ErrorKind::kLocked, "not taken");
  if (!choice.dry_run) {
    lock = RepositoryLock::Take(config->repository);
    if (!lock) return context.Report(lock.error());
  }
  ExitCode code = kDone;
  uint64_t freed_bytes = 0;
  std::vector<std::vector<std::string>> rows{{"SERVICE", "DATE", "SIZE", "WHAT"}};
  nlohmann::json objects = nlohmann::json::array();
  for (const ServiceConfig* service : *services) {
    const auto outcome =
        PruneService(context, *repository, service->name, *service->keep, choice.dry_run);
    if (!outcome) {
      code = Worse(code, context.Report(outcome.error()));
      continue;
    }
    code = Worse(code, outcome->code);
    freed_bytes += outcome->freed_bytes;
    for (const PruneItem& item : outcome->items) {
      objects.push_back(ToJson(item));
      rows.push_back(ToRow(item, choice.dry_run));
    }
  }
  if (context.json) {
    context.PrintJson(
        {{"dry_run", choice.dry_run}, {"archives", objects}, {"freed_bytes", freed_bytes}});
  } else if (choice.dry_run || context.verbose > 0 || context.Interactive()) {
    context.Print(FormatTable(rows, {false, false, true, false}));
    context.Print(
        fmt::format("{}{}\n", choice.dry_run ? "would free " : "freed ", FormatBytes(freed_bytes)));
  }
  return code;
}

ExitCode ProtectAll(const Context& context, const std::vector<std::string>& names,
                    Result<void> (*change)(const FileSystem&, const std::filesystem::path&)) {
  const auto archives = NamedArchives(context, names);
  if (!archives) return context.Report(archives.error());
  ExitCode code = kDone;
  for (const ArchiveFile& archive : *archives) {
    const auto changed = change(LocalFileSystem(), archive.path);
    if (!changed) code = Worse(code, context.Report(changed.error()));
  }
  return code;
}

}  // namespace

Command AddPrune(CLI::App& app, const Context& context) {
  auto choice = std::make_shared<PruneChoice>();
  app.add_option("SERVICE", choice->services,
                 "Services whose archives are looked at; where none is named, all with `keep:`");
  app.add_flag("--dry-run", choice->dry_run, "Say what would go, and what keeps the rest");
  return [&context, choice] { return Prune(context, *choice); };
}

Command AddProtect(CLI::App& app, const Context& context) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("ARCHIVE", *names, "SERVICE[@DATE], or an archive's path")->required();
  return [&context, names] { return ProtectAll(context, *names, Protect); };
}

Command AddUnprotect(CLI::App& app, const Context& context) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("ARCHIVE", *names, "SERVICE[@DATE], or an archive's path")->required();
  return [&context, names] { return ProtectAll(context, *names, Unprotect); };
}

}  // namespace orcio::cli

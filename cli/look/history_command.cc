#include <memory>

#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/entry_text.h"
#include "cli/shared/named_archive.h"
#include "retrieve/compare/history.h"
#include "retrieve/look/indexed.h"

namespace orcio::cli {
namespace {

constexpr size_t kDigestLetters = 16;  // enough to tell versions apart; --json has all
using Archives = std::vector<ArchiveFile>;

void PrintHistoryJson(const Context& context, const Archives& archives,
                      const PathHistory& history) {
  for (auto version = history.versions.rbegin(); version != history.versions.rend(); ++version) {
    nlohmann::json object{{"type", "gone"}};
    if (version->held) {
      object = EntryJson(*version->held, history.path);
    } else {
      AddPath(object, history.path);
    }
    object["service"] = archives.front().name.service;
    object["first"] = archives[version->first].date;
    object["last"] = archives[version->last].date;
    object["archives"] = version->archives;
    context.PrintJson(object);
  }
}

std::string HeldText(const Context& context, const Snapshot& held) {
  if (held.digest) return ToHex(*held.digest).substr(0, kDigestLetters);
  if (held.node.type == EntryType::kSymlink) return "-> " + context.Shown(held.target);
  return held.node.type == EntryType::kFile ? "-" : std::string(TypeWord(held.node.type));
}

void PrintHistory(const Context& context, const Archives& archives, const PathHistory& history) {
  std::vector<std::vector<std::string>> rows{
      {"FIRST", "LAST", "ARCHIVES", "SIZE", "MODIFIED", "SHA256"}};
  for (auto version = history.versions.rbegin(); version != history.versions.rend(); ++version) {
    const auto& held = version->held;
    rows.push_back(
        {archives[version->first].date, archives[version->last].date,
         fmt::format("{}", version->archives), held ? fmt::format("{}", held->node.size) : "gone",
         held ? FormatTime(held->node.mtime.seconds) : "-", held ? HeldText(context, *held) : "-"});
  }
  context.Print(FormatTable(rows, {false, false, true, true, false, false}));
}

ExitCode History(const Context& context, const std::string& what) {
  const auto selector = ParseSelector(what);
  if (!selector) return context.Report(selector.error());
  if (what.substr(0, what.find(':')).find('@') != std::string::npos) {
    context.Warn(fmt::format(
        "'{}' names a date: history is of all archives of a service, write SERVICE:PATH", what));
    return kUsage;
  }
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  const auto archives = repository->ListService(selector->service);
  if (!archives) return context.Report(archives.error());

  ExitCode code = kDone;
  HistoryBuilder builder(selector->path);
  for (const ArchiveFile& archive : *archives) {
    const auto sidecar = OpenSidecar(repository->files(), archive);
    const auto added = sidecar ? builder.Add(**sidecar) : Failure(sidecar.error());
    if (added) continue;
    code = Worse(code, ReportSkipped(context, added.error()));
    builder.Pass();
  }
  const auto histories = builder.Finish();
  if (!histories) return Worse(code, context.Report(histories.error()));
  const bool one = histories->size() == 1 && histories->front().path == builder.path();
  for (const PathHistory& history : *histories) {
    if (context.json) {
      PrintHistoryJson(context, *archives, history);
      continue;
    }
    if (!one) context.Print(context.Shown(history.path) + "\n");
    PrintHistory(context, *archives, history);
  }
  return code;
}

}  // namespace

Command AddHistory(CLI::App& app, const Context& context) {
  auto what = std::make_shared<std::string>();
  app.add_option("SERVICE:PATH", *what,
                 "A file, or a directory for all files below it, e.g. wiki:srv/wiki/config.php")
      ->required();
  return [&context, what] { return History(context, *what); };
}

}  // namespace orcio::cli

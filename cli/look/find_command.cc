#include <ctime>
#include <memory>

#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/entry_text.h"
#include "cli/shared/named_archive.h"
#include "retrieve/look/indexed.h"
#include "retrieve/look/sweep.h"
#include "retrieve/search/search.h"
#include "retrieve/search/search_words.h"

namespace orcio::cli {
namespace {

// However many CPUs there are: if the indexes are not in memory, threads wait for the disk.
constexpr unsigned kThreads = 8;

struct FindOptions {
  std::vector<std::string> words;  // [SERVICE[@DATE]] PATTERN
  std::string size;
  std::string newer;
  std::string older;
  std::string types;
  bool details = false;
};

struct FoundIn {
  std::shared_ptr<const Sidecar> sidecar;
  std::vector<NodeId> nodes;
};

Result<SearchCriteria> ReadCriteria(const FindOptions& options) {
  SearchCriteria criteria;
  criteria.pattern = ORCIO_TRY(PathPattern::Parse(options.words.back()));
  const int64_t now = std::time(nullptr);
  if (!options.size.empty()) ORCIO_TRY(ReadSize(options.size, criteria));
  if (!options.newer.empty()) criteria.newer_than = ORCIO_TRY(ReadMoment(options.newer, now));
  if (!options.older.empty()) criteria.older_than = ORCIO_TRY(ReadMoment(options.older, now));
  if (!options.types.empty()) ORCIO_TRY(ReadTypes(options.types, criteria));
  return criteria;
}

Result<void> ShowFound(const Context& context, const FindOptions& options,
                       const ArchiveFile& archive, const FoundIn& found) {
  const Sidecar& sidecar = *found.sidecar;
  for (const NodeId id : found.nodes) {
    const NodeInfo node = ORCIO_TRY(sidecar.Node(id));
    const std::string path = ORCIO_TRY(sidecar.Path(id));
    if (context.json) {
      auto object = ORCIO_TRY(EntryJson(sidecar, id, path));
      object["service"] = archive.name.service;
      object["date"] = archive.date;
      context.PrintJson(object);
      continue;
    }
    std::string line =
        context.Shown(fmt::format("{}@{}:{}", archive.name.service, archive.date, path));
    if (options.details)
      line = EntryDetails(node) + line + ORCIO_TRY(ArrowToTarget(context, sidecar, node));
    context.Print(line + "\n");
  }
  return {};
}

ExitCode Find(const Context& context, const FindOptions& options) {
  const auto criteria = ReadCriteria(options);
  if (!criteria) return context.Report(criteria.error());
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  const auto archives =
      ArchivesOf(*repository, options.words.size() > 1 ? options.words.front() : "");
  if (!archives) return context.Report(archives.error());

  ExitCode code = kDone;
  size_t count = 0;
  const auto swept = SweepArchives<FoundIn>(
      *archives, kThreads,
      [&](const ArchiveFile& archive) -> Result<FoundIn> {
        FoundIn found{ORCIO_TRY(OpenSidecar(repository->files(), archive)), {}};
        found.nodes = ORCIO_TRY(Search(*found.sidecar, *criteria));
        return found;
      },
      [&](const ArchiveFile& archive, Result<FoundIn> found) -> Result<void> {
        if (found) {
          count += found->nodes.size();
          const auto shown = ShowFound(context, options, archive, *found);
          if (shown) return {};
          found = Failure(shown.error());
        }
        code = Worse(code, ReportSkipped(context, found.error()));
        return {};
      });
  if (!swept) return context.Report(swept.error());
  if (count > 0 || code != kDone) return code;
  context.Warn(
      fmt::format("nothing in {} archives fits {}", archives->size(), options.words.back()));
  return kNoSuch;
}

}  // namespace

Command AddFind(CLI::App& app, const Context& context) {
  auto options = std::make_shared<FindOptions>();
  app.add_option("[SERVICE[@DATE]] PATTERN", options->words,
                 "Where to look (default: everywhere), and what for: a name such as '*.php', or "
                 "with a slash a path such as 'srv/wiki/**/*.php'")
      ->required()
      ->expected(1, 2);
  app.add_option("--size", options->size, "+1M: at least; -10k: at most; 512: as large");
  app.add_option("--newer", options->newer,
                 "Changed since 2026-11-23, 2026-11-23T02:00, or so long ago: 12h, 7d, 2w");
  app.add_option("--older", options->older, "Changed before");
  app.add_option("--type", options->types, "f, d, l, c, b, p or s, as find(1) has them");
  app.add_flag("-l,--long", options->details, "Mode, links, owner, group, size and time too");
  return [&context, options] { return Find(context, *options); };
}

}  // namespace orcio::cli

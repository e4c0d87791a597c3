#include <algorithm>
#include <memory>

#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::cli {
namespace {

struct IndexOptions {
  std::vector<std::string> archives;
  bool force = false;
};

bool SidecarIsGood(const FileSystem& files, const ArchiveFile& archive) {
  const auto file = files.OpenRead(archive.path);
  if (!file) return false;
  const auto sidecar = Sidecar::OpenFor(files, archive.sidecar, **file);
  return sidecar && (*sidecar)->CheckAll();
}

// What to index: all that are named; if none is, all of the repository whose sidecar is missing
// or wrong.
Result<std::vector<ArchiveFile>> Choose(const Context& context, const IndexOptions& options) {
  if (!options.archives.empty()) return NamedArchives(context, options.archives);
  std::vector<ArchiveFile> chosen;
  const Repository repository = ORCIO_TRY(context.OpenRepository());
  for (ArchiveFile& archive : ORCIO_TRY(repository.List())) {
    if (options.force || !SidecarIsGood(repository.files(), archive))
      chosen.push_back(std::move(archive));
  }
  return chosen;
}

// What there is to say of an archive that was indexed.
struct Findings {
  bool whole = true;
  std::vector<std::string> texts;  // each begins with the archive's path
};

Result<Findings> FindingsOf(const ArchiveFile& archive) {
  constexpr size_t kMostTold = 10;
  const auto sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), archive.sidecar));
  Findings findings{sidecar->complete(), {}};
  const std::string name = archive.path.string();
  if (!findings.whole)
    findings.texts.push_back(name + ": it is not whole; what can be read of it was indexed");
  const auto warnings = ORCIO_TRY(sidecar->warnings());
  const size_t told = std::min(warnings.texts.size(), kMostTold);
  for (size_t i = 0; i < told; ++i) {
    const std::string& text = warnings.texts[i];
    findings.texts.push_back(text.starts_with(name) ? text : name + ": " + text);
  }
  if (warnings.count > told)
    findings.texts.push_back(fmt::format("{}: and {} more", name, warnings.count - told));
  return findings;
}

ExitCode Report(const Context& context, const ArchiveFile& archive, const Result<void>& rebuilt) {
  const auto findings = rebuilt ? FindingsOf(archive) : Result<Findings>();
  if (context.json) {
    nlohmann::json object = {{"type", "index"}, {"done", rebuilt.has_value()}};
    AddPath(object, archive.path.string());
    if (!rebuilt) object["error"] = rebuilt.error().message;
    if (findings) {
      object["complete"] = rebuilt.has_value() && findings->whole;
      object["warnings"] = findings->texts;
    }
    context.PrintJson(object);
  } else if (rebuilt && (context.verbose > 0 || context.Interactive())) {
    context.Print("indexed " + context.Shown(archive.path.string()) + "\n");
  }
  if (!rebuilt) return context.Report(rebuilt.error());
  if (!findings) return context.Report(findings.error());
  for (const std::string& text : findings->texts) context.Warn(text);
  if (!findings->whole) return kDamage;
  return findings->texts.empty() ? kDone : kWarnings;
}

ExitCode Index(const Context& context, const IndexOptions& options) {
  const Interrupt interrupt(Interrupt::Hangup::kIgnored);
  const auto chosen = Choose(context, options);
  if (!chosen) return context.Report(chosen.error());
  ExitCode code = kDone;
  ProgressLine line(context.Interactive());
  size_t number = 0;
  for (const ArchiveFile& archive : *chosen) {
    ByteProgress progress(line,
                          NameOfMany(archive.path.filename().string(), ++number, chosen->size()));
    RebuildOptions rebuild;
    rebuild.progress = [&](uint64_t done, uint64_t total) { progress.Show(done, total); };
    rebuild.resumed = [&](uint64_t done, uint64_t total) {
      if (context.json || (context.verbose == 0 && !context.Interactive())) return;
      line.Above([&] {
        context.Print(fmt::format(
            "{}: continuing at {} %\n", context.Shown(archive.path.string()),
            static_cast<unsigned>(100.0 * static_cast<double>(done) / static_cast<double>(total))));
      });
    };
    rebuild.note = [&](const std::string& note) { line.Above([&] { context.Warn(note); }); };
    rebuild.facts = KeptFacts(LocalFileSystem(), archive.path, archive.sidecar);
    const auto rebuilt = RebuildSidecar(LocalFileSystem(), archive.path, archive.sidecar, rebuild,
                                        interrupt.token());
    line.Clear();
    if (interrupt.requested()) return interrupt.exit_code();
    code = Worse(code, Report(context, archive, rebuilt));
  }
  return code;
}

}  // namespace

Command AddIndex(CLI::App& app, const Context& context) {
  auto options = std::make_shared<IndexOptions>();
  app.add_option(
      "ARCHIVE", options->archives,
      "Files, or SERVICE[@DATE]; where none is named, every archive without a good index");
  app.add_flag("--force", options->force,
               "Where none is named: every archive, also with a good index");
  return [&context, options] { return Index(context, *options); };
}

}  // namespace orcio::cli

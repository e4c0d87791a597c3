#include <memory>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "index/rebuild.h"
#include "index/sidecar.h"

namespace orcio::cli {
namespace {

struct IndexOptions {
  std::vector<std::string> archives;
  bool force = false;
};

bool SidecarIsGood(const FileSystem& files, const ArchiveFile& archive) {
  const auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar) return false;
  const auto file = files.OpenRead(archive.path);
  return file && (*sidecar)->CheckBelongsTo(**file) && (*sidecar)->CheckAll();
}

ArchiveFile FileAt(const std::filesystem::path& path) {
  ArchiveFile archive;
  archive.path = path;
  archive.sidecar = path.string() + ".idx";
  return archive;
}

// A path to a file, in the repository or not, or SERVICE[@DATE].
Result<ArchiveFile> Named(const Context& context, const std::string& text) {
  if (text.find('/') != std::string::npos) return FileAt(text);
  const Selector selector = ORCIO_TRY(ParseSelector(text));
  return ORCIO_TRY(context.OpenRepository()).Resolve(selector);
}

// What to index: all that are named; where none is, all of the repository whose sidecar is missing
// or wrong.
Result<std::vector<ArchiveFile>> Choose(const Context& context, const IndexOptions& options) {
  std::vector<ArchiveFile> chosen;
  for (const std::string& text : options.archives)
    chosen.push_back(ORCIO_TRY(Named(context, text)));
  if (!options.archives.empty()) return chosen;
  const Repository repository = ORCIO_TRY(context.OpenRepository());
  for (ArchiveFile& archive : ORCIO_TRY(repository.List())) {
    if (options.force || !SidecarIsGood(repository.files(), archive))
      chosen.push_back(std::move(archive));
  }
  return chosen;
}

void Report(const Context& context, const ArchiveFile& archive, const Result<void>& rebuilt) {
  if (context.json) {
    nlohmann::json object = {{"type", "index"}, {"done", rebuilt.has_value()}};
    AddPath(object, archive.path.string());
    if (!rebuilt) object["error"] = rebuilt.error().message;
    context.PrintJson(object);
  } else if (rebuilt && (context.verbose > 0 || context.Interactive())) {
    context.Print("indexed " + context.Shown(archive.path.string()) + "\n");
  }
}

ExitCode Index(const Context& context, const IndexOptions& options) {
  const Interrupt interrupt;
  const auto chosen = Choose(context, options);
  if (!chosen) return context.Report(chosen.error());
  ExitCode code = kDone;
  for (const ArchiveFile& archive : *chosen) {
    ProgressLine progress(context.Interactive());
    RebuildOptions rebuild;
    rebuild.progress = [&](uint64_t done, uint64_t total) {
      progress.Show(fmt::format("{}: {} of {}", archive.path.filename().string(), FormatBytes(done),
                                FormatBytes(total)));
    };
    const auto rebuilt = RebuildSidecar(LocalFileSystem(), archive.path, archive.sidecar, rebuild,
                                        interrupt.token());
    progress.Clear();
    if (interrupt.requested()) return interrupt.exit_code();
    Report(context, archive, rebuilt);
    if (!rebuilt) code = Worse(code, context.Report(rebuilt.error()));
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

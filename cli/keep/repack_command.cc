#include <memory>

#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"
#include "index/repository/repository_lock.h"
#include "index/upkeep/repack.h"

namespace orcio::cli {
namespace {

void Tell(const Context& context, const ArchiveFile& archive, const Repacked& repacked) {
  if (context.json) {
    nlohmann::json object = {{"type", "repack"},
                             {"done", !repacked.was_ours},
                             {"bytes_before", repacked.bytes_before},
                             {"bytes", repacked.bytes_after}};
    if (!repacked.was_ours) {
      object["tar_bytes"] = repacked.tar_bytes;
      object["tar_sha256"] = ToHex(repacked.tar_sha256);
    }
    AddPath(object, repacked.archive.string());
    context.PrintJson(object);
    return;
  }
  if (context.verbose == 0 && !context.Interactive()) return;
  const std::string was = context.Shown(archive.path.string());
  context.Print(repacked.was_ours ? was + " is orcio's own already\n"
                                  : fmt::format("{} ({}) is now {} ({})\n", was,
                                                FormatBytes(repacked.bytes_before),
                                                context.Shown(repacked.archive.filename().string()),
                                                FormatBytes(repacked.bytes_after)));
}

// `name` is what the progress is shown of.
Result<Repacked> RepackOne(const Context& context, const ArchiveFile& archive,
                           const std::string& name, const std::stop_token& stop) {
  const auto directory = archive.path.parent_path();
  const auto lock = ORCIO_TRY(RepositoryLock::Take(directory.empty() ? "." : directory));
  ProgressLine line(context.Interactive());
  ByteProgress indexing(line, name + ": indexing");
  ByteProgress copying(line, name + ": repacking");
  ByteProgress proving(line, name + ": reading it back");
  RepackOptions options;
  options.progress = [&](RepackStep step, uint64_t done, uint64_t total) {
    switch (step) {
      case RepackStep::kIndexing:
        return indexing.Show(done, total);
      case RepackStep::kCopying:
        return copying.Show(done, total);
      case RepackStep::kProving:
        return proving.Show(done, total);
    }
  };
  return RepackArchive(LocalFileSystem(), archive.path, archive.sidecar, options, stop);
}

ExitCode Repack(const Context& context, const std::vector<std::string>& named) {
  const Interrupt interrupt(Interrupt::Hangup::kIgnored);
  const auto archives = NamedArchives(context, named);
  if (!archives) return context.Report(archives.error());
  ExitCode code = kDone;
  size_t number = 0;
  for (const ArchiveFile& archive : *archives) {
    const auto name = NameOfMany(archive.path.filename().string(), ++number, archives->size());
    const auto repacked = RepackOne(context, archive, name, interrupt.token());
    if (interrupt.requested()) return interrupt.exit_code();
    if (repacked) {
      Tell(context, archive, *repacked);
    } else {
      code = Worse(code, context.Report(repacked.error()));
    }
  }
  return code;
}

}  // namespace

Command AddRepack(CLI::App& app, const Context& context) {
  auto archives = std::make_shared<std::vector<std::string>>();
  app.add_option("ARCHIVE", *archives, "Files, or SERVICE[@DATE]")->required();
  return [&context, archives] { return Repack(context, *archives); };
}

}  // namespace orcio::cli

#include <chrono>
#include <memory>

#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "index/verify/verification.h"
#include "index/verify/verify.h"

namespace orcio::cli {
namespace {

struct VerifyChoice {
  std::vector<std::string> archives;
  bool read_data = false;
};

nlohmann::json ToJson(const ArchiveFile& archive, const ArchiveDamage& damage) {
  nlohmann::json object = {{"type", "damage"},
                           {"offset", damage.archive_offset},
                           {"bytes", damage.archive_bytes},
                           {"tar_offset", damage.tar_offset},
                           {"tar_bytes", damage.tar_bytes},
                           {"message", damage.message},
                           {"file_count", damage.file_count},
                           {"files", nlohmann::json::array()}};
  AddPath(object, archive.path.string());
  for (const std::string& path : damage.files) {
    nlohmann::json file = nlohmann::json::object();
    AddPath(file, path);
    object["files"].push_back(std::move(file));
  }
  return object;
}

void Tell(const Context& context, const ArchiveFile& archive, const ArchiveDamage& damage) {
  if (context.json) {
    context.PrintJson(ToJson(archive, damage));
    return;
  }
  context.Warn(damage.message);
  for (const std::string& path : damage.files) context.Warn("  hits " + path);
  if (damage.file_count > damage.files.size())
    context.Warn(fmt::format("  and {} more", damage.file_count - damage.files.size()));
}

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// So that `list` can show it. A repository that cannot be written is verified all the same. What an
// index of another archive is found to be says nothing of this one.
void Record(const Context& context, const ArchiveFile& archive, const VerifyCounts& counts) {
  const auto& files = LocalFileSystem();
  const auto file = files.OpenRead(archive.path);
  if (!file) return;
  const auto sidecar = Sidecar::OpenFor(files, archive.sidecar, **file);
  if (!sidecar) return;
  const auto recorded = RecordVerification(files, archive.sidecar, (*sidecar)->archive().sha256,
                                           counts.read_data, {Now(), counts.damages});
  if (!recorded && context.verbose > 0)
    context.Warn(recorded.error().message + "; `orcio list` will not show that it was verified");
}

void Conclude(const Context& context, const ArchiveFile& archive, const VerifyChoice& choice,
              const VerifyCounts& counts) {
  if (context.json) {
    nlohmann::json object = {{"type", "verify"},
                             {"read_data", counts.read_data},
                             {"tar_bytes", counts.tar_bytes},
                             {"files", counts.files},
                             {"damages", counts.damages}};
    AddPath(object, archive.path.string());
    context.PrintJson(object);
  } else if (counts.damages == 0 && (context.verbose > 0 || context.Interactive())) {
    context.Print(context.Shown(archive.path.string()) +
                  (choice.read_data ? fmt::format(": good, {} of tar and {} files read\n",
                                                  FormatBytes(counts.tar_bytes), counts.files)
                                    : ": its structure is good\n"));
  }
}

// `name` is what the progress is shown of.
Result<VerifyCounts> VerifyOne(const Context& context, const ArchiveFile& archive,
                               const std::string& name, const VerifyChoice& choice,
                               const std::stop_token& stop) {
  const auto& files = LocalFileSystem();
  ProgressLine line(context.Interactive());
  ByteProgress progress(line, name);
  VerifyOptions options;
  options.read_data = choice.read_data;
  options.progress = [&](uint64_t done, uint64_t total) { progress.Show(done, total); };
  const auto tell = [&](const ArchiveDamage& damage) {
    line.Above([&] { Tell(context, archive, damage); });
  };
  line.Show(name + ": looking at its structure");
  auto counts = VerifyArchive(files, archive.path, archive.sidecar, options, tell, stop);
  if (counts || counts.error().kind != ErrorKind::kNotFound || !files.Status(archive.path))
    return counts;
  // It has no index yet. Making one reads every byte.
  ByteProgress indexing(line, name + ": indexing");
  RebuildOptions rebuild;
  rebuild.progress = [&](uint64_t done, uint64_t total) { indexing.Show(done, total); };
  ORCIO_TRY(RebuildSidecar(files, archive.path, archive.sidecar, rebuild, stop));
  return VerifyArchive(files, archive.path, archive.sidecar, options, tell, stop);
}

ExitCode Verify(const Context& context, const VerifyChoice& choice) {
  const Interrupt interrupt(Interrupt::Hangup::kIgnored);
  const auto archives = NamedArchives(context, choice.archives);
  if (!archives) return context.Report(archives.error());
  ExitCode code = kDone;
  size_t number = 0;
  for (const ArchiveFile& archive : *archives) {
    const auto name = NameOfMany(archive.path.filename().string(), ++number, archives->size());
    const auto counts = VerifyOne(context, archive, name, choice, interrupt.token());
    if (interrupt.requested()) return interrupt.exit_code();
    if (!counts) {
      code = Worse(code, context.Report(counts.error()));
      continue;
    }
    Conclude(context, archive, choice, *counts);
    Record(context, archive, *counts);
    if (counts->damages > 0) code = Worse(code, kDamage);
  }
  return code;
}

}  // namespace

Command AddVerify(CLI::App& app, const Context& context) {
  auto choice = std::make_shared<VerifyChoice>();
  app.add_option("ARCHIVE", choice->archives,
                 "Files, or SERVICE[@DATE]; where none is named, every archive of the repository");
  app.add_flag("--read-data", choice->read_data,
               "Read every byte and compare checksums and digests, not only what is quick");
  return [&context, choice] { return Verify(context, *choice); };
}

}  // namespace orcio::cli

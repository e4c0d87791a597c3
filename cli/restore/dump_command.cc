#include <unistd.h>

#include <memory>

#include "cli/shared/commands.h"
#include "cli/shared/named_archive.h"
#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/path_lookup.h"
#include "retrieve/dump/dump.h"

namespace orcio::cli {
namespace {

constexpr uint64_t kDumpCacheBytes = uint64_t{64} << 20;

Result<DumpResult> DumpOne(const Opened& opened) {
  const NodeId root = ORCIO_TRY(FindFollowing(*opened.sidecar, opened.selector.path, false));
  SpanCache cache(kDumpCacheBytes);
  const auto reader =
      ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), opened.archive.path, opened.sidecar, cache));
  return DumpTree(*reader, root, WriteOut);
}

ExitCode DumpArchive(const Context& context, const std::string& what) {
  if (::isatty(STDOUT_FILENO) != 0) {
    context.Warn("a tar is not for a terminal: write `orcio dump ... | tar x` or `> FILE`");
    return kUsage;
  }
  const auto opened = OpenSelected(context, what);
  if (!opened) return context.Report(opened.error());
  const auto dumped = DumpOne(*opened);
  if (!dumped) return context.Report(dumped.error());
  const ExitCode code = WarnOfIncomplete(context, *opened);
  for (const std::string& path : dumped->left_out)
    context.Warn(fmt::format("{}: left out, for the archive is incomplete in it", path));
  return dumped->left_out.empty() ? code : kDamage;
}

}  // namespace

Command AddDump(CLI::App& app, const Context& context) {
  auto what = std::make_shared<std::string>();
  app.add_option("SERVICE[@DATE][:PATH]", *what, "Archive and path, e.g. wiki@latest:srv/wiki")
      ->required();
  return [&context, what] { return DumpArchive(context, *what); };
}

}  // namespace orcio::cli

#include "cli/restore/restore_to_host.h"

#include <chrono>

#include "archiver/export/export.h"
#include "archiver/ssh/ssh_host.h"
#include "archiver/swap/host_tree.h"
#include "base/text/figures.h"
#include "cli/restore/host_sender.h"
#include "cli/shared/configured_host.h"
#include "index/archive/read/archive_reader.h"

namespace orcio::cli {
namespace {

struct Destination {
  HostConfig host;
  std::string directory;
};

// --to HOST --target DIRECTORY, or --to HOST:DIRECTORY.
Result<Destination> DestinationOf(const Context& context, const Opened& opened,
                                  const RestoreWords& words) {
  const size_t colon = words.to.find(':');
  std::string directory = words.target;
  if (colon != std::string::npos) {
    if (!directory.empty())
      return Fail(ErrorKind::kInvalid, "--to {} and --target {} name two directories: name one",
                  words.to, words.target);
    directory = words.to.substr(colon + 1);
  }
  const Config config = ORCIO_TRY(context.LoadConfiguration());
  const std::string name = words.to.substr(0, colon);
  HostConfig host = ORCIO_TRY(ConfiguredHost(config, name));
  const auto archive = ORCIO_TRY(PlanExport(LocalFileSystem(), opened.archive, false));
  if (const auto why = WhyNotOffsite(config, opened.archive, archive, name))
    return Fail(ErrorKind::kUnsupported, "{}; {} is not the service's own host", *why, name);
  if (directory.empty() && colon == std::string::npos)
    directory = fmt::format("{}-{}", opened.archive.name.service, opened.archive.date);
  else
    directory = ORCIO_TRY(HostDirectory(std::move(directory)));
  return Destination{std::move(host), std::move(directory)};
}

Result<ExitCode> Restore(const Context& context, const Opened& opened, const RestorePlan& plan,
                         const RestoreWords& words, const std::stop_token& stop) {
  const auto begun = std::chrono::steady_clock::now();
  Destination to = ORCIO_TRY(DestinationOf(context, opened, words));
  SpanCache cache(kSenderCacheBytes);
  const auto reader =
      ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), opened.archive.path, opened.sidecar, cache));
  HostTree tree(MakeSshHost(to.host), std::move(to.directory));
  const uint64_t bytes = ORCIO_TRY(PlannedDataBytes(*opened.sidecar, plan));
  ORCIO_TRY(tree.Prepare(bytes, stop));
  HostSender sender(context, opened, stop);
  if (const std::string losses = tree.Losses(); !losses.empty())
    sender.Tell(to.host.name, "not quite as archived", losses, kWarnings);
  const bool by_name = words.owners == "name";
  const DumpResult sent = ORCIO_TRY(sender.Send(
      *reader, plan,
      {.name = tree.place(),
       .plain = tree.plain(),
       .set_ids = tree.as_root(),
       .owner_names = by_name,
       .unpack = [&](ByteSource& source) { return tree.Unpack(source, by_name, stop); }}));
  if (words.verify)
    ORCIO_TRY(sender.Verify(plan, tree.place(), [&](std::string lines) {
      return tree.Verify(std::move(lines), stop);
    }));
  sender.line().Clear();
  const double seconds = SecondsSince(begun);
  if (context.json) {
    context.PrintJson(sender.SummaryJson(tree.place(), sent, seconds));
  } else if (context.verbose > 0 || context.Interactive()) {
    context.Print(sender.SummaryText(tree.place(), sent, seconds));
  }
  return sender.code();
}

}  // namespace

ExitCode RestoreToHost(const Context& context, const Opened& opened, const RestorePlan& plan,
                       const RestoreWords& words, const Interrupt& interrupt) {
  const auto code = Restore(context, opened, plan, words, interrupt.token());
  if (code) return *code;
  const ExitCode failed = context.Report(code.error());
  return interrupt.requested() ? interrupt.exit_code() : failed;
}

}  // namespace orcio::cli

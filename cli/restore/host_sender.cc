#include "cli/restore/host_sender.h"

#include "base/text/figures.h"
#include "cli/output/text.h"
#include "cli/shared/entry_text.h"
#include "retrieve/dump/dump_source.h"

namespace orcio::cli {
namespace {

// Shows how far the reading of another source has come.
class ShownSource : public ByteSource {
 public:
  ShownSource(DumpSource& source, std::function<void(uint64_t)> show, const std::stop_token& stop)
      : source_(source), show_(std::move(show)), stop_(stop) {}
  Result<size_t> Read(std::span<std::byte> into) override {
    if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "interrupted");
    auto got = source_.Read(into);
    show_(source_.bytes());
    return got;
  }

 private:
  DumpSource& source_;
  const std::function<void(uint64_t)> show_;
  const std::stop_token stop_;
};

}  // namespace

Result<DumpResult> HostSender::Send(const ArchiveReader& reader, const RestorePlan& plan,
                                    const Place& place) {
  // Of content; the tar is a little larger. A plain one has holes filled.
  uint64_t to_send = plan.bytes;
  if (!place.plain) to_send = ORCIO_TRY(PlannedDataBytes(*opened_.sidecar, plan));
  DumpSource dump(reader, kRootNode,
                  {.plan = &plan,
                   .below = std::string(kHostTreeRoot),
                   .last_entry = std::string(kHostTreeMark),
                   .plain = place.plain,
                   .owner_names = place.owner_names,
                   .set_ids = place.set_ids});
  ByteProgress progress(line_, place.name);
  const auto show = [&](uint64_t bytes) { progress.Show(bytes, ProgressTotal{to_send, true}); };
  ShownSource source(dump, show, stop_);
  const auto complaints = ORCIO_TRY(place.unpack(source));
  for (const std::string& said : complaints)
    Tell(place.name, "not quite as archived", said, kWarnings);
  for (const std::string& path : dump.result().left_out)
    Tell(path.substr(kHostTreeRoot.size() + 1), "left out", "the archive is incomplete in it",
         kDamage);
  return dump.result();
}

Result<void> HostSender::Verify(
    const RestorePlan& plan, const std::string& place,
    const std::function<Result<VerifiedOnHost>(std::string lines)>& compare) {
  line_.Show(fmt::format("reading {} back", place));
  uint64_t same = 0;
  uint64_t told = 0;
  const auto take = [&](std::string lines) -> Result<void> {
    const auto verified = ORCIO_TRY(compare(std::move(lines)));
    same += verified.files;
    told += verified.differs.size();
    for (const std::string& said : verified.differs) Tell(place, "differs", said, kDamage);
    return {};
  };
  const PlannedDigests digests = ORCIO_TRY(ForEachDigest(*opened_.sidecar, plan, take));
  if (same + told < digests.files)
    Tell(place, "differs", fmt::format("{} more files", digests.files - same - told), kDamage);
  if (!verified_) verified_.emplace();
  verified_->files += same;
  verified_->skipped += digests.skipped;
  return {};
}

void HostSender::Tell(std::string_view where, std::string_view what, const std::string& text,
                      ExitCode code) {
  line_.Clear();
  code_ = Worse(code_, code);
  ++problems_;
  context_.Warn(fmt::format("{}: {}: {}", where, what, text));
  if (!context_.json) return;
  nlohmann::json object = {{"type", "problem"}, {"what", what}, {"message", text}};
  AddPath(object, std::string(where));
  context_.PrintJson(object);
}

nlohmann::json HostSender::SummaryJson(const std::string& place, const DumpResult& sent,
                                       double seconds) const {
  nlohmann::json object = {{"type", "restore"},
                           {"service", opened_.archive.name.service},
                           {"date", opened_.archive.date},
                           {"target", place},
                           {"entries", sent.entries},
                           {"bytes", sent.bytes},
                           {"problems", problems_},
                           {"seconds", seconds}};
  if (verified_)
    object["verified"] = {{"files", verified_->files}, {"skipped", verified_->skipped}};
  return object;
}

std::string HostSender::SummaryText(const std::string& place, const DumpResult& sent,
                                    double seconds) const {
  std::string text =
      fmt::format("{} entries, {}, of {}@{} are at {}, {}\n", sent.entries, FormatBytes(sent.bytes),
                  opened_.archive.name.service, opened_.archive.date, context_.Shown(place),
                  FormatSeconds(seconds));
  if (verified_)
    text += fmt::format("{} files read back and found as archived\n", verified_->files);
  return text;
}

}  // namespace orcio::cli

#include "cli/restore/restore_in_place.h"

#include <chrono>

#include "archiver/export/export.h"
#include "archiver/run/in_place.h"
#include "archiver/ssh/ssh_host.h"
#include "base/text/figures.h"
#include "base/text/words.h"
#include "cli/output/text.h"
#include "cli/restore/host_sender.h"
#include "cli/shared/configured_host.h"
#include "cli/shared/recovery.h"
#include "index/archive/read/archive_reader.h"
#include "index/repository/repository_lock.h"
#include "index/sidecar/read/path_lookup.h"

namespace orcio::cli {
namespace {

std::string PathOfItem(const SwapPlan::Tree& tree, const std::string& item) {
  return (tree.top == "/" ? "/" : tree.top + "/") + item;
}

class InPlaceRestore {
 public:
  InPlaceRestore(const Context& context, const Opened& opened, const RestoreWords& words,
                 const std::stop_token& stop)
      : context_(context),
        opened_(opened),
        words_(words),
        stop_(stop),
        sender_(context, opened, stop) {}

  Result<ExitCode> Run() {
    ORCIO_TRY(CheckWords());
    config_ = ORCIO_TRY(context_.LoadConfiguration());
    service_ = config_.FindService(opened_.archive.name.service);
    if (service_ == nullptr)
      return Fail(
          ErrorKind::kNotFound,
          "{}: no service of the configuration has that name: restore it with --target or --to",
          opened_.archive.name.service);
    const auto archive = ORCIO_TRY(PlanExport(LocalFileSystem(), opened_.archive, false));
    if (const auto why = WhyNotOffsite(config_, opened_.archive, archive, service_->host))
      return Fail(ErrorKind::kUnsupported, "{}; {} is not the host it is of", *why, service_->host);
    const auto wanted = ORCIO_TRY(Wanted());
    const SwapPlan swap = ORCIO_TRY(PlanSwap(*service_, wanted));
    for (const SwapPlan::Tree& tree : swap.trees) plans_.push_back(ORCIO_TRY(PlanOf(tree)));
    if (words_.dry_run) return ShowPlan(swap);
    if (!words_.yes)
      return Fail(ErrorKind::kInvalid,
                  "this would {}, replace {} by what {}@{} has of it{}: say --yes, or --dry-run to "
                  "see more",
                  Stops(), Join(PlacesOf(swap)), service_->name, opened_.archive.date,
                  stops_it() ? ", and start it again" : "");
    return Replace(swap);
  }

 private:
  Result<void> CheckWords() const {
    if (!words_.to.empty() || !words_.target.empty() || words_.owners != "number")
      return Fail(ErrorKind::kInvalid,
                  "--in-place replaces what is there, where it is: it goes with no --to, --target "
                  "and --owners");
    if (opened_.sidecar->complete()) return {};
    return Fail(ErrorKind::kDamaged,
                "{} is incomplete: what it lacks would be gone from the service: restore with "
                "--to, and look",
                opened_.archive.path.string());
  }

  // Absolute paths of what is replaced, each with all that is below it.
  Result<std::vector<std::string>> Wanted() {
    RestoreChoice choice;
    choice.roots = ORCIO_TRY(Roots());
    choice.include = ORCIO_TRY(ParsePatterns(words_.include));
    choice.exclude = ORCIO_TRY(ParsePatterns(words_.exclude));
    std::vector<std::string> wanted;
    for (const NodeId node : ORCIO_TRY(PlanRestore(*opened_.sidecar, choice)).whole)
      wanted.push_back("/" + ORCIO_TRY(opened_.sidecar->Path(node)));
    return wanted;
  }

  Result<std::vector<NodeId>> Roots() {
    std::vector<std::string> paths = words_.paths;
    if (!opened_.selector.path.empty()) paths.push_back(opened_.selector.path);
    std::vector<NodeId> roots;
    for (const std::string& path : paths)
      roots.push_back(ORCIO_TRY(FindFollowing(*opened_.sidecar, path, false)));
    if (!paths.empty()) return roots;
    for (const std::string& path : service_->paths) {
      if (const auto node = FindFollowing(*opened_.sidecar, path, false)) {
        roots.push_back(*node);
      } else {
        sender_.Tell(path, "left as it is", "the archive does not have it", kWarnings);
      }
    }
    if (!roots.empty()) return roots;
    return Fail(ErrorKind::kNotFound, "{} has none of the paths of {} ({})",
                opened_.archive.path.string(), service_->name, Join(service_->paths));
  }

  Result<RestorePlan> PlanOf(const SwapPlan::Tree& tree) const {
    RestoreChoice choice;
    for (const std::string& item : tree.items)
      choice.roots.push_back(
          ORCIO_TRY(FindFollowing(*opened_.sidecar, PathOfItem(tree, item), false)));
    return PlanRestore(*opened_.sidecar, choice);
  }

  // "HOST:PATH" of all that is replaced.
  [[nodiscard]] std::vector<std::string> PlacesOf(const SwapPlan& swap) const {
    std::vector<std::string> places;
    for (const SwapPlan::Tree& tree : swap.trees)
      for (const std::string& item : tree.items)
        places.push_back(context_.Shown(service_->host + ":" + PathOfItem(tree, item)));
    return places;
  }

  [[nodiscard]] bool stops_it() const { return service_->control != ControlKind::kNone; }
  [[nodiscard]] std::string Stops() const {
    return stops_it() ? fmt::format("stop {} on {}", service_->name, service_->host)
                      : "stop nothing, as control: none has it";
  }

  [[nodiscard]] ExitCode ShowPlan(const SwapPlan& swap) const {
    uint64_t bytes = 0;
    for (const RestorePlan& plan : plans_) bytes += plan.bytes;
    if (context_.json) {
      context_.PrintJson({{"type", "plan"},
                          {"service", service_->name},
                          {"host", service_->host},
                          {"date", opened_.archive.date},
                          {"replaces", PlacesOf(swap)},
                          {"bytes", bytes},
                          {"keeps", swap.keep}});
      return sender_.code();
    }
    std::string text = fmt::format("would {}, and replace\n", Stops());
    for (const std::string& place : PlacesOf(swap)) text += "  " + place + "\n";
    text +=
        fmt::format("by {} of {}@{}\n", FormatBytes(bytes), service_->name, opened_.archive.date);
    if (swap.keep)
      text += "what is replaced would be kept there, for the archive lacks what exclude: names\n";
    context_.Print(text);
    return sender_.code();
  }

  Result<ExitCode> Replace(const SwapPlan& swap) {
    const auto begun = std::chrono::steady_clock::now();
    const auto lock = ORCIO_TRY(RepositoryLock::Take(config_.repository));
    SpanCache cache(kSenderCacheBytes);
    const auto reader = ORCIO_TRY(
        ArchiveReader::Open(LocalFileSystem(), opened_.archive.path, opened_.sidecar, cache));
    const HostConfig host_config = ORCIO_TRY(ConfiguredHost(config_, service_->host));
    const Connectors connectors = RealConnectors();
    const auto host = connectors.host(host_config);
    ServiceRunOptions options;
    options.second_connection = [&] { return connectors.host(host_config); };
    ServiceConfig service = *service_;
    service.mode = Mode::kStop;
    InPlace in_place(service, *host, connectors.control(service), swap,
                     {connectors.files, config_.repository}, options);
    uint64_t bytes = 0;
    for (const RestorePlan& plan : plans_)
      bytes += ORCIO_TRY(PlannedDataBytes(*opened_.sidecar, plan));
    ORCIO_TRY(in_place.Prepare(bytes, stop_));
    auto sent = SendAll(in_place, *reader);
    if (!sent) {
      sent.error().message += "; nothing was replaced";
      return Failure(std::move(sent).error());
    }
    const auto outcome = in_place.Replace([this](RunPhase phase) { Show(phase); }, stop_);
    sender_.line().Clear();
    return Summarize(outcome, swap, *sent, SecondsSince(begun));
  }

  Result<DumpResult> SendAll(InPlace& in_place, const ArchiveReader& reader) {
    if (const std::string losses = in_place.Losses(); !losses.empty())
      sender_.Tell(service_->host, "not quite as archived", losses, kWarnings);
    DumpResult all;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const SwapPlan::Tree& tree = in_place.plan().trees[i];
      const std::string place = service_->host + ":" + tree.top;
      const DumpResult sent = ORCIO_TRY(sender_.Send(
          reader, plans_[i],
          {.name = place, .plain = in_place.plain(), .unpack = [&](ByteSource& source) {
             return in_place.Send(tree, source, stop_);
           }}));
      if (!sent.left_out.empty())
        return Fail(ErrorKind::kDamaged, "the archive has lost content of {} files",
                    sent.left_out.size());
      all.entries += sent.entries;
      all.bytes += sent.bytes;
      if (!words_.verify) continue;
      const ExitCode before = sender_.code();
      ORCIO_TRY(sender_.Verify(plans_[i], place, [&](std::string lines) {
        return in_place.Verify(tree, std::move(lines), stop_);
      }));
      if (sender_.code() != before)
        return Fail(ErrorKind::kDamaged, "{} did not get what was sent", service_->host);
    }
    return all;
  }

  void Show(RunPhase phase) {
    const char* text = phase == RunPhase::kStopping    ? "stopping"
                       : phase == RunPhase::kStreaming ? "swapping"
                       : phase == RunPhase::kStarting  ? "starting"
                                                       : "removing what was replaced";
    sender_.line().Show(fmt::format("{}: {}", service_->name, text));
  }

  Result<ExitCode> Summarize(const InPlaceOutcome& outcome, const SwapPlan& swap,
                             const DumpResult& sent, double seconds) {
    for (const std::string& warning : outcome.warnings)
      sender_.Tell(service_->name, "warning", warning, kWarnings);
    ExitCode code = sender_.code();
    if (outcome.error) code = Worse(code, context_.Report(*outcome.error));
    if (outcome.start_error) {
      context_.Warn(outcome.start_error->message);
      code = kNotRunning;
    }
    const std::string place = Join(PlacesOf(swap));
    if (context_.json) {
      nlohmann::json object = sender_.SummaryJson(place, sent, seconds);
      object["in_place"] = true;
      object["replaced"] = outcome.replaced;
      object["running"] = !outcome.start_error;
      object["downtime"] = outcome.downtime;
      context_.PrintJson(object);
    } else if (outcome.replaced && (context_.verbose > 0 || context_.Interactive())) {
      context_.Print(sender_.SummaryText(place, sent, seconds));
      if (!outcome.start_error)
        context_.Print(
            fmt::format("{} was down for {}\n", service_->name, FormatSeconds(outcome.downtime)));
    }
    return code;
  }

  const Context& context_;
  const Opened& opened_;
  const RestoreWords& words_;
  const std::stop_token stop_;
  HostSender sender_;
  Config config_;
  const ServiceConfig* service_ = nullptr;
  std::vector<RestorePlan> plans_;  // of each tree of the swap
};

}  // namespace

ExitCode RestoreInPlace(const Context& context, const Opened& opened, const RestoreWords& words,
                        const Interrupt& interrupt) {
  const auto code = InPlaceRestore(context, opened, words, interrupt.token()).Run();
  const ExitCode ended = code ? *code : context.Report(code.error());
  return interrupt.requested() && ended != kNotRunning ? interrupt.exit_code() : ended;
}

}  // namespace orcio::cli

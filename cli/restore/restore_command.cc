#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>

#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "cli/restore/restore_in_place.h"
#include "cli/restore/restore_to_host.h"
#include "cli/restore/restore_words.h"
#include "cli/shared/commands.h"
#include "cli/shared/entry_text.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/named_archive.h"
#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/path_lookup.h"
#include "retrieve/restore/restore.h"

namespace orcio::cli {
namespace {

constexpr uint64_t kRestoreCacheBytes = uint64_t{64} << 20;
using Clock = std::chrono::steady_clock;

Result<RestorePlan> PlanOf(const Opened& opened, const RestoreWords& words) {
  RestoreChoice choice;
  std::vector<std::string> paths = words.paths;
  if (!opened.selector.path.empty()) paths.push_back(opened.selector.path);
  for (const std::string& path : paths)
    choice.roots.push_back(ORCIO_TRY(FindFollowing(*opened.sidecar, path, false)));
  choice.include = ORCIO_TRY(ParsePatterns(words.include));
  choice.exclude = ORCIO_TRY(ParsePatterns(words.exclude));
  return PlanRestore(*opened.sidecar, choice);
}

std::string TargetOf(const Opened& opened, const RestoreWords& words) {
  if (!words.target.empty()) return words.target;
  return fmt::format("{}-{}", opened.archive.name.service, opened.archive.date);
}

ExitCode ListPlanned(const Context& context, const Opened& opened, const RestorePlan& plan) {
  const Sidecar& sidecar = *opened.sidecar;
  const auto listed = ForEachPlanned(
      sidecar, plan, [&](const NodeInfo& node, const std::string& path) -> Result<void> {
        if (context.json) {
          context.PrintJson(ORCIO_TRY(EntryJson(sidecar, node.id, path)));
        } else {
          context.Print(EntryDetails(node) + context.Shown(path) +
                        ORCIO_TRY(ArrowToTarget(context, sidecar, node)) + "\n");
        }
        return {};
      });
  return listed ? kDone : context.Report(listed.error());
}

// Restores, and tells of it.
class RestoreRun {
 public:
  RestoreRun(const Context& context, const Opened& opened, const RestorePlan& plan,
             std::string target, const Interrupt& interrupt)
      : context_(context),
        opened_(opened),
        plan_(plan),
        target_(std::move(target)),
        interrupt_(interrupt),
        line_(context.Interactive()) {}

  ExitCode Run(const RestoreWords& words) {
    const auto begin = Clock::now();
    const auto restored = Restore(words);
    line_.Clear();
    if (!restored) return Ended(restored.error());
    if (words.verify) {
      ByteProgress progress(line_, "reading " + target_ + " back");
      const auto verified = VerifyRestored(
          *opened_.sidecar, plan_, target_,
          [this](const auto& problem) { Tell(problem, "differs"); },
          [&](uint64_t bytes) { progress.Show(bytes, plan_.bytes); }, interrupt_.token());
      line_.Clear();
      if (!verified) return Ended(verified.error());
      verified_ = *verified;
    }
    Summarize(*restored, std::chrono::duration<double>(Clock::now() - begin).count());
    return code_;
  }

 private:
  Result<Restored> Restore(const RestoreWords& words) {
    SpanCache cache(kRestoreCacheBytes);
    const auto reader = ORCIO_TRY(
        ArchiveReader::Open(LocalFileSystem(), opened_.archive.path, opened_.sidecar, cache));
    RestoreOptions options;
    options.owners = words.owners == "name" ? OwnersBy::kName : OwnersBy::kNumber;
    options.problem = [this](const RestoreProblem& problem) {
      Tell(problem, problem.left_out ? "left out" : "not quite as archived");
    };
    ByteProgress progress(line_, target_);
    options.progress = [&](uint64_t bytes) { progress.Show(bytes, plan_.bytes); };
    return RestoreTree(*reader, plan_, target_, options, interrupt_.token());
  }

  void Tell(const RestoreProblem& problem, std::string_view what) {
    line_.Clear();
    const bool damaged = problem.error.kind == ErrorKind::kDamaged;
    code_ = Worse(code_, damaged ? kDamage : problem.left_out ? kFailed : kWarnings);
    ++problems_;
    context_.Warn(fmt::format("{}: {}: {}", problem.path, what, problem.error.message));
    if (!context_.json) return;
    nlohmann::json object = {
        {"type", "problem"}, {"what", what}, {"message", problem.error.message}};
    AddPath(object, problem.path);
    context_.PrintJson(object);
  }

  ExitCode Ended(const Error& error) const {
    const ExitCode code = context_.Report(error);
    if (error.errnum != EEXIST)
      context_.Warn(fmt::format("what is in {} is not complete", target_));
    return interrupt_.requested() ? interrupt_.exit_code() : code;
  }

  void Summarize(const Restored& restored, double seconds) const {
    if (context_.json) {
      nlohmann::json object = {{"type", "restore"},
                               {"service", opened_.archive.name.service},
                               {"date", opened_.archive.date},
                               {"target", target_},
                               {"entries", restored.entries},
                               {"bytes", restored.bytes},
                               {"problems", problems_},
                               {"seconds", seconds}};
      if (verified_)
        object["verified"] = {{"files", verified_->files}, {"skipped", verified_->skipped}};
      context_.PrintJson(object);
      return;
    }
    if (context_.verbose == 0 && !context_.Interactive()) return;
    context_.Print(fmt::format("{} entries, {}, of {}@{} are in {}, {}\n", restored.entries,
                               FormatBytes(restored.bytes), opened_.archive.name.service,
                               opened_.archive.date, context_.Shown(target_),
                               FormatSeconds(seconds)));
    if (verified_)
      context_.Print(fmt::format("{} files read back and found as archived\n", verified_->files));
  }

  const Context& context_;
  const Opened& opened_;
  const RestorePlan& plan_;
  const std::string target_;
  const Interrupt& interrupt_;
  ProgressLine line_;
  ExitCode code_ = kDone;
  uint64_t problems_ = 0;
  std::optional<VerifiedFiles> verified_;
};

ExitCode RestoreFiles(const Context& context, const RestoreWords& words) {
  const Interrupt interrupt;
  const auto opened = OpenSelected(context, words.what);
  if (!opened) return context.Report(opened.error());
  if (words.in_place) return RestoreInPlace(context, *opened, words, interrupt);
  const auto plan = PlanOf(*opened, words);
  if (!plan) return context.Report(plan.error());
  if (words.dry_run) return ListPlanned(context, *opened, *plan);
  const ExitCode code =
      words.to.empty()
          ? RestoreRun(context, *opened, *plan, TargetOf(*opened, words), interrupt).Run(words)
          : RestoreToHost(context, *opened, *plan, words, interrupt);
  return Worse(code, WarnOfIncomplete(context, *opened));
}

}  // namespace

Command AddRestore(CLI::App& app, const Context& context) {
  auto words = std::make_shared<RestoreWords>();
  app.add_option("SERVICE[@DATE]", words->what, "The archive; default the latest")->required();
  app.add_option("PATH", words->paths, "Only these, with all that is below them");
  app.add_option("--target", words->target,
                 "Where to; made where it does not exist (default: SERVICE-DATE, here)");
  app.add_option("--to", words->to,
                 "Into a new directory of this host of the configuration: HOST[:DIRECTORY]");
  app.add_flag(
      "--in-place", words->in_place,
      "On the service's own host, in place of what is there: stops it, and starts it again");
  app.add_flag("--yes", words->yes, "With --in-place: do it");
  app.add_option("--include", words->include, "Only what fits this pattern, see find")
      ->allow_extra_args(false);
  app.add_option("--exclude", words->exclude, "Not what fits this pattern")
      ->allow_extra_args(false);
  app.add_option("--owners", words->owners,
                 "number: as archived; name: the number there for the archived name")
      ->check(CLI::IsMember({"number", "name"}))
      ->capture_default_str();
  app.add_flag("--dry-run", words->dry_run, "List what would be restored");
  app.add_flag("--verify", words->verify, "Read it back and compare digests");
  return [&context, words] { return RestoreFiles(context, *words); };
}

}  // namespace orcio::cli

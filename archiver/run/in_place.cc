#include "archiver/run/in_place.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "archiver/host/mounted_places.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_check.h"
#include "archiver/host/shell_quote.h"
#include "archiver/safety/guard.h"
#include "archiver/safety/stopped_service.h"
#include "base/random_token.h"
#include "base/text/figures.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"
#include "base/threads/pause.h"
#include "base/threads/stall_limit.h"
#include "base/threads/time_limit.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostTries = 6;  // to remove what is left
// Of one argument of a command, Linux takes 128 KiB.
constexpr size_t kMostCommand = size_t{100} << 10;

bool IsBelow(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

std::string Above(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What the commands that are run through the guard's wrapper print.
class TextSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override {
    return std::as_writable_bytes(std::span(room_));
  }
  Result<void> Commit(size_t bytes) override {
    text_.append(room_.data(), std::min(bytes, kMost - std::min(kMost, text_.size())));
    return {};
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr size_t kMost = size_t{1} << 20;
  std::array<char, 4096> room_{};
  std::string text_;
};

// For the end of a message.
std::string LastMoved(const std::string& said) {
  std::string last;
  for (const SwapAnswer& answer : SwapAnswers(said))
    if (answer.word == "moved") last = answer.rest;
  return last.empty() ? "" : fmt::format("; the last in place is {}", SafeText(last));
}

ServiceConfig Stopping(ServiceConfig service) {
  service.mode = Mode::kStop;
  return service;
}

Failure Cancelled(const ServiceConfig& service) {
  return Fail(ErrorKind::kCancelled, "{}: interrupted; nothing was replaced", service.name);
}

}  // namespace

Result<SwapPlan> PlanSwap(const ServiceConfig& service, const std::vector<std::string>& wanted) {
  SwapPlan plan;
  plan.id = RandomToken();
  plan.keep = !service.exclude.empty();
  std::vector<std::string> items = wanted.empty() ? service.paths : wanted;
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  std::vector<std::string> whole;
  for (const std::string& item : items) {
    const bool covered = std::any_of(
        whole.begin(), whole.end(), [&](const std::string& other) { return IsBelow(item, other); });
    if (!covered) whole.push_back(item);
  }
  for (const std::string& item : whole) {
    const auto path = std::find_if(
        service.paths.begin(), service.paths.end(),
        [&](const std::string& known) { return item == known || IsBelow(item, known); });
    if (path == service.paths.end())
      return Fail(ErrorKind::kInvalid, "{} is in none of the paths of {} ({})", item, service.name,
                  Join(service.paths));
    const std::string top = Above(*path);
    auto tree = std::find_if(plan.trees.begin(), plan.trees.end(),
                             [&](const SwapPlan::Tree& known) { return known.top == top; });
    if (tree == plan.trees.end()) tree = plan.trees.insert(tree, SwapPlan::Tree{top, {}});
    tree->items.push_back(item.substr(top == "/" ? 1 : top.size() + 1));
  }
  // As sudo and the guard have them quoted.
  if (ShellQuote(ShellQuote(Swap(plan))).size() > kMostCommand)
    return Fail(ErrorKind::kInvalid,
                "{}: {} places would have to be swapped, which are more than a command can name: "
                "choose directories as a whole, or restore with --to {}:DIRECTORY",
                service.name, whole.size(), service.host);
  return plan;
}

InPlace::InPlace(ServiceConfig service, RemoteHost& host, std::unique_ptr<ServiceControl> control,
                 SwapPlan plan, SafetyNet::Place place, ServiceRunOptions options)
    : service_(Stopping(std::move(service))),
      host_(host),
      plan_(std::move(plan)),
      control_(std::move(control), plan_),
      place_(place),
      options_(std::move(options)) {}

InPlace::~InPlace() {
  // Nothing was swapped, or it is the journal's business now.
  if (sent_ && host_.Connect({})) (void)ConcludeSwap(host_, plan_, {});
}

Result<void> InPlace::Prepare(uint64_t bytes, const std::stop_token& stop) {
  ORCIO_TRY(RefuseUnrecovered(place_.files, place_.repository, service_.name));
  ORCIO_TRY(host_.Connect(stop));
  ORCIO_TRY(CheckShell(host_, stop));
  tar_ = ORCIO_TRY(DetectRemoteTar(host_, stop));
  ORCIO_TRY(Look(bytes, stop));
  ORCIO_TRY(control_.Inspect(host_, stop));
  running_ = control_.Running();
  return {};
}

Result<void> InPlace::Look(uint64_t bytes, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host_.Run(LookForSwap(plan_), {}, stop));
  std::vector<std::string> items;
  bool looked = false;
  for (const SwapAnswer& answer : SwapAnswers(result.out)) {
    const std::string rest = SafeText(answer.rest);
    if (answer.word == "user" && rest != "0")
      return Fail(ErrorKind::kRemote,
                  "{}: the login user is not root, and would own everything it restores: set sudo: "
                  "true for the host, or log in as root",
                  host_.name());
    if (answer.word == "missing")
      return Fail(ErrorKind::kRemote,
                  "{0}: the directory above {1} is not there, or a symlink on the way to it: "
                  "restore a directory above, or with --to {0}:DIRECTORY",
                  host_.name(), rest);
    if (answer.word == "other")
      return Fail(
          ErrorKind::kRemote,
          "{0}: {1} is on another file system than the directory that the service's path is "
          "in, so that it cannot be swapped: restore with --to {0}:DIRECTORY",
          host_.name(), rest);
    if (answer.word == "left") left_.push_back(rest);
    if (answer.word == "real") items.push_back(answer.rest);
    if (answer.word == "looked") looked = true;
    uint64_t kib = 0;
    if (answer.word == "free" &&
        std::from_chars(rest.data(), rest.data() + rest.size(), kib).ec == std::errc() &&
        kib < bytes / 1024)
      return Failure(Error{ErrorKind::kIo, ENOSPC,
                           fmt::format("{}: {} are free, and {} are needed beside what is there: "
                                       "make room, or restore less",
                                       host_.name(), FormatBytes(kib << 10), FormatBytes(bytes))});
  }
  if (!looked) return RemoteFailure(host_, "looking at what is to be replaced", result);
  return CheckMounts(items, stop);
}

// Renamed along with what it is mounted in, a file system would be emptied with it.
Result<void> InPlace::CheckMounts(const std::vector<std::string>& items,
                                  const std::stop_token& stop) {
  RunOptions options;
  options.max_output = size_t{16} << 20;
  const auto result = ORCIO_TRY(host_.Run("cat /proc/self/mountinfo", options, stop));
  if (result.exit_status != 0 || result.out_truncated)
    return RemoteFailure(host_, "looking at what is mounted", result);
  for (const std::string& place : MountedPlaces(result.out)) {
    for (const std::string& item : items) {
      if (place != item && !IsBelow(place, item)) continue;
      return Fail(
          ErrorKind::kRemote,
          "{0}: {1} is a mount point, which cannot be swapped: restore what is in it by its "
          "PATHs, or with --to {0}:DIRECTORY",
          host_.name(), SafeText(place));
    }
  }
  return {};
}

Result<std::vector<std::string>> InPlace::Send(const SwapPlan::Tree& tree, ByteSource& tar,
                                               const std::stop_token& stop) {
  sent_ = true;
  RunOptions options;
  options.more_input = &tar;
  const auto result = ORCIO_TRY(host_.Run(UnpackForSwap(plan_, tree, tar_, false), options, stop));
  for (const SwapAnswer& answer : SwapAnswers(result.out))
    if (answer.word == "ready" && result.exit_status == 0) return UnpackComplaints(result);
  return RemoteFailure(host_, fmt::format("unpacking beside {}", tree.top), result);
}

Result<VerifiedOnHost> InPlace::Verify(const SwapPlan::Tree& tree, std::string list,
                                       const std::stop_token& stop) {
  return VerifyOnHost(host_, UnpackedTree(plan_, tree), std::move(list), stop);
}

InPlaceOutcome InPlace::Replace(const std::function<void(RunPhase)>& phase,
                                const std::stop_token& stop) {
  phase_ = phase;
  InPlaceOutcome outcome;
  for (const std::string& left : left_)
    outcome.warnings.push_back(fmt::format(
        "{}:{} is of an earlier restore: look into it, and remove it", host_.name(), left));
  const auto net = SafetyNet::Spread(place_, Journal(), service_, control_,
                                     service_.guard ? options_.second_connection() : nullptr, stop);
  if (!net) {
    outcome.error = net.error();
    return outcome;
  }
  sent_ = false;
  auto swapped = SwapAndStart(**net, outcome, stop);
  if (!outcome.start_error) LookAgain(outcome, stop);
  JudgeSwap(**net, std::move(swapped), outcome, stop);
  Conclude(**net, outcome);
  return outcome;
}

RunJournal InPlace::Journal() const {
  RunJournal journal;
  journal.service = service_;
  journal.running = running_;
  journal.memory = control_.Memory();
  journal.start_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
  journal.swap = plan_;
  return journal;
}

// The error is the swap's; the start's is in `outcome`.
Result<void> InPlace::SwapAndStart(SafetyNet& net, InPlaceOutcome& outcome,
                                   const std::stop_token& stop) {
  const auto begun = Clock::now();
  StoppedService stopped(host_, control_, net, {options_.start_retry, options_.retry_pause});
  const TimeLimit limit(service_.max_downtime, stop, net.lost());
  auto swapped = StopAndSwap(net, limit.token());
  if (!swapped && limit.expired())
    swapped = Fail(ErrorKind::kLimit, "{}: was down for its max_downtime, {} s", service_.name,
                   service_.max_downtime->count());
  if (!swapped && stop.stop_requested()) swapped = Cancelled(service_);
  phase_(RunPhase::kStarting);
  auto started = stopped.Start();
  outcome.downtime = SecondsSince(begun);
  if (!started) outcome.start_error = std::move(started).error();
  return swapped;
}

Result<void> InPlace::StopAndSwap(SafetyNet& net, const std::stop_token& stop) {
  const auto host = net.Guarded(host_);
  phase_(RunPhase::kStopping);
  ORCIO_TRY(control_.Stop(*host, stop));
  phase_(RunPhase::kStreaming);
  ORCIO_TRY(Ask(*host, Swap(plan_), "swapped", "swapping what was restored", stop));
  ORCIO_TRY(control_.ConfirmAtRest(host_, stop));
  ORCIO_TRY(Ask(*host, DecideSwap(plan_), "replaced", "ending the swap", stop));
  return net.Ended(host_, stop);
}

Result<void> InPlace::Ask(RemoteHost& host, const std::string& command, std::string_view done,
                          std::string_view doing, const std::stop_token& stop) {
  TextSink said;
  StallLimit stall(service_.stall_timeout, stop);
  HeardSink heard(said, stall);
  auto streamed = host.Stream(command, heard, {}, stall.token());
  if (!streamed && stall.expired())
    return Fail(ErrorKind::kLimit,
                "{}: nothing came from {} for {} s (stall_timeout) while {}: look at that host's "
                "disks{}",
                service_.name, host.name(), service_.stall_timeout.count(), doing,
                LastMoved(said.text()));
  auto result = ORCIO_TRY(std::move(streamed));
  for (const SwapAnswer& answer : SwapAnswers(said.text()))
    if (answer.word == done && result.exit_status == 0) return {};
  result.out = said.text();
  return RemoteFailure(host, doing, result);
}

void InPlace::LookAgain(InPlaceOutcome& outcome, const std::stop_token& stop) {
  const auto unknown = control_.LookAgain(host_, stop);
  if (unknown) outcome.warnings.insert(outcome.warnings.end(), unknown->begin(), unknown->end());
  if (!unknown) outcome.warnings.push_back(unknown.error().message);
}

// Whether the swap counts, which only the host knows, and if it does not, why.
void InPlace::JudgeSwap(const SafetyNet& net, Result<void> swapped, InPlaceOutcome& outcome,
                        const std::stop_token& stop) const {
  outcome.replaced = control_.replaced().value_or(false);
  const auto voided = net.Voided();
  if (outcome.replaced && voided) {
    outcome.warnings.push_back("the guard on " + host_.name() +
                               " has started the service, with what was restored");
  } else if (!outcome.replaced) {
    // What a lost guard has interrupted says less than why that was.
    if (voided && !stop.stop_requested()) {
      outcome.error = *voided;
    } else if (!swapped) {
      outcome.error = std::move(swapped).error();
    } else {
      outcome.error =
          Error{ErrorKind::kRemote, 0, service_.name + ": what was swapped was put back"};
    }
  }
}

// The service runs: there is time for a link to come back.
Result<std::vector<std::string>> InPlace::ConcludePatiently() {
  for (int tries = 1;; ++tries) {
    auto kept = [&]() -> Result<std::vector<std::string>> {
      ORCIO_TRY(host_.Connect({}));
      return ConcludeSwap(host_, plan_, {});
    }();
    const bool away = !kept && (kept.error().kind == ErrorKind::kNetwork ||
                                kept.error().kind == ErrorKind::kRefused);
    if (!away || tries >= kMostTries || !Pause(options_.retry_pause * tries, {})) return kept;
  }
}

// A service that does not come up with what was restored may be wanted back as it was.
void InPlace::Conclude(SafetyNet& net, InPlaceOutcome& outcome) {
  phase_(RunPhase::kFinishing);
  if (outcome.start_error) {
    if (outcome.replaced)
      outcome.warnings.push_back(fmt::format(
          "what was replaced is kept on {}, in .orcio-restore-{}/old beside the service's path",
          host_.name(), plan_.id));
    return;
  }
  const auto kept = ConcludePatiently();
  if (!kept) {
    outcome.warnings.push_back(kept.error().message +
                               "; what the restore has left there is removed by `orcio recover`, "
                               "and before the next run");
    return;
  }
  net.Concluded();
  if (net.left()) outcome.warnings.push_back(net.left()->message);
  for (const std::string& place : *kept) {
    outcome.warnings.push_back(
        plan_.keep && outcome.replaced
            ? fmt::format("{}:{}/old has what was replaced, for the archive lacks what exclude: "
                          "names: move what is missing back, then remove it",
                          host_.name(), place)
            : fmt::format("{}:{} could not be removed: look into it", host_.name(), place));
  }
}

}  // namespace orcio::inline archiver

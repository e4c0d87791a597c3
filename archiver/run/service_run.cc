#include "archiver/run/service_run.h"

#include <chrono>
#include <future>

#include "archiver/capture/capture.h"
#include "archiver/capture/precopy_capture.h"
#include "archiver/config/service_names.h"
#include "archiver/host/early_host.h"
#include "archiver/layers/kept_layer.h"
#include "archiver/plan/last_archives.h"
#include "archiver/plan/service_plan.h"
#include "archiver/safety/safety_net.h"
#include "archiver/safety/stopped_service.h"
#include "archiver/tar/standing_paths.h"
#include "archiver/tar/wire.h"
#include "base/text/figures.h"
#include "base/threads/time_limit.h"
#include "index/repository/free_name.h"
#include "index/repository/naming_check.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

int64_t UtcSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class ServiceRun {
 public:
  ServiceRun(const RunContext& context, RemoteHost& host, ServiceControl& control,
             const std::stop_token& stop)
      : service_(context.service),
        files_(context.files),
        repository_(context.repository),
        options_(context.options),
        observer_(context.observer),
        host_(host),
        control_(control),
        stop_(stop) {}

  ServiceOutcome Run();

 private:
  Result<void> Archive();
  Result<void> Prepare();
  void BeginSecondConnection();
  Result<void> ChooseName();
  Result<void> ArchiveRunning();
  Result<std::unique_ptr<SafetyNet>> SpreadNet();
  Result<void> StopAndCollect(SafetyNet& net, const std::stop_token& limit);
  Result<void> Collect(RemoteHost& host, const std::stop_token& limit);
  Result<void> JudgeRest();
  void KeepForNext();
  Result<void> Publish(std::future<Result<const TarSummary*>> finished);
  void LookAgain();
  void LookAtOthers();
  Result<void> ChooseCapture();
  Result<void> PrepareCapture();
  void WarnOfStop(const std::string& why);
  [[nodiscard]] CaptureContext Context();
  [[nodiscard]] Error NoTar(Error error) const;
  [[nodiscard]] Failure Cancelled() const;
  [[nodiscard]] Failure DownTooLong() const;
  void Enter(RunPhase phase) const {
    if (observer_.phase) observer_.phase(phase);
  }

  const ServiceConfig& service_;
  const FileSystem& files_;
  const std::filesystem::path& repository_;
  const ServiceRunOptions& options_;
  const RunObserver& observer_;
  RemoteHost& host_;
  ServiceControl& control_;
  const std::stop_token& stop_;

  ServicePlan plan_;
  std::unique_ptr<RemoteHost> second_connection_;  // the guard's, until its net is spread
  StandingPaths standing_;
  PathLosses losses_;
  LastArchives last_;
  std::string name_;
  std::unique_ptr<Capture> capture_;
  std::optional<Clock::time_point> deadline_;
  Downtime downtime_;
  ServiceOutcome outcome_;
};

ServiceOutcome ServiceRun::Run() {
  const auto begun = Clock::now();
  outcome_.service = service_.name;
  outcome_.host = host_.name();
  outcome_.facts.service = service_.name;
  outcome_.facts.host = host_.name();
  outcome_.facts.mode = NameOf(service_.mode);
  outcome_.facts.control = NameOf(service_.control);
  outcome_.facts.tools["orcio"] = ORCIO_VERSION;
  auto ready = RefuseUnrecovered(files_, repository_, service_.name);
  if (!ready && ready.error().kind == ErrorKind::kNotRunning) {
    outcome_.start_error = std::move(ready).error();
    return std::move(outcome_);
  }
  auto archived = ready ? Archive() : ready;
  if (!archived) {
    outcome_.error = std::move(archived).error();
    KeepForNext();
    LookAgain();
  }
  capture_.reset();  // removes what was not published
  outcome_.seconds = SecondsSince(begun);
  return std::move(outcome_);
}

Result<void> ServiceRun::Archive() {
  ORCIO_TRY(Prepare());
  if (!plan_.stops.empty()) return ArchiveRunning();
  ORCIO_TRY(Collect(host_, stop_));
  // What was down when it was inspected may have been started in the middle by somebody else.
  ORCIO_TRY(control_.ConfirmAtRest(host_, stop_));
  return Publish(std::async(std::launch::async, [this] { return capture_->Finish(); }));
}

Result<void> ServiceRun::ArchiveRunning() {
  const auto net = ORCIO_TRY(SpreadNet());
  Result<void> streamed;
  std::future<Result<const TarSummary*>> finished;
  {
    StoppedService stopped(host_, control_, *net, {options_.start_retry, options_.retry_pause});
    const TimeLimit limit(service_.max_downtime, stop_, net->lost());
    streamed = StopAndCollect(*net, limit.token());
    if (!streamed && limit.expired()) streamed = DownTooLong();
    // The last byte is here: what remains to be compressed does not keep the service down.
    if (streamed) finished = std::async(std::launch::async, [this] { return capture_->Finish(); });
    Enter(RunPhase::kStarting);
    const auto begun = Clock::now();
    auto started = stopped.Start();
    downtime_.start = std::chrono::duration<double>(stopped.known() - begun).count();
    if (!started) outcome_.start_error = std::move(started).error();
  }
  if (streamed) streamed = JudgeRest();
  downtime_.not_running = control_.NotRunning();
  outcome_.facts.downtime = downtime_;
  if (net->left()) outcome_.facts.warnings.push_back(net->left()->message);
  if (auto voided = net->Voided(); voided && !stop_.stop_requested())
    return Failure(*std::move(voided));
  ORCIO_TRY(std::move(streamed));
  return Publish(std::move(finished));
}

Result<std::unique_ptr<SafetyNet>> ServiceRun::SpreadNet() {
  if (service_.guard && !options_.second_connection)
    return Fail(ErrorKind::kInvalid, "{}: its guard needs a second connection", service_.name);
  RunJournal journal;
  journal.service = service_;
  journal.running = plan_.stops;
  journal.memory = control_.Memory();
  journal.start_seconds = outcome_.facts.start_seconds;
  if (service_.guard && !second_connection_) second_connection_ = options_.second_connection();
  return SafetyNet::Spread({files_, repository_}, std::move(journal), service_, control_,
                           std::move(second_connection_), stop_);
}

// All that can fail without the service noticing.
Result<void> ServiceRun::Prepare() {
  Enter(RunPhase::kConnecting);
  plan_ = ORCIO_TRY(PlanService(service_, host_, control_, stop_));
  outcome_.facts.mode = NameOf(plan_.mode);
  outcome_.facts.tools["tar"] = plan_.tar.description;
  BeginSecondConnection();
  outcome_.facts.warnings =
      PlanWarnings(plan_, service_, options_.neighbours, host_, control_, stop_);
  standing_ = ORCIO_TRY(LookAtPaths(host_, service_, plan_.fleeting, stop_));
  for (const auto& mount : standing_.mounts)
    if (!mount.above) outcome_.facts.mounts.push_back(mount.place);
  last_ = ORCIO_TRY(LookAtLastArchives(service_, standing_, files_, repository_));
  ORCIO_TRY(ChooseName());
  plan_.wire = ORCIO_TRY(ChooseWire(service_.wire, host_, plan_.command, last_.ratio, stop_));
  ORCIO_TRY(ChooseCapture());
  auto prepared = PrepareCapture();
  if (stop_.stop_requested()) return Cancelled();
  return prepared;
}

// Logging in takes as long as several commands do, which go on meanwhile. Not for precopy: nobody
// would answer what the host asks by it while that copies, for hours, say.
void ServiceRun::BeginSecondConnection() {
  if (!service_.guard || !options_.second_connection) return;
  if (plan_.stops.empty() || plan_.mode == Mode::kPrecopy) return;
  second_connection_ = MakeEarlyHost(options_.second_connection(), stop_);
}

Result<void> ServiceRun::ChooseCapture() {
  if (plan_.mode == Mode::kPrecopy) {
    capture_ = MakePrecopyCapture(Context());
    return {};
  }
  if (!plan_.no_precopy.empty() && service_.mode_chosen) WarnOfStop(plan_.no_precopy);
  capture_ = ORCIO_TRY(MakeStreamCapture(Context()));
  return {};
}

// With stop, an archive takes less room while it is made. (If not even what precopy fetched
// found room, the service would be stopped for nothing.)
Result<void> ServiceRun::PrepareCapture() {
  ORCIO_TRY(capture_->Prepare(host_, stop_));
  auto room = capture_->CheckRoom();
  if (room) return room;
  if (service_.mode_chosen) {
    room.error().message += "; the service was not stopped";
    return room;
  }
  WarnOfStop(room.error().message);
  plan_.mode = Mode::kStop;
  outcome_.facts.mode = NameOf(plan_.mode);
  capture_.reset();  // and what it had on disk
  capture_ = ORCIO_TRY(MakeStreamCapture(Context()));
  return capture_->Prepare(host_, stop_);
}

void ServiceRun::WarnOfStop(const std::string& why) {
  outcome_.facts.warnings.push_back(why + ": archived with `mode: stop` instead of precopy");
}

CaptureContext ServiceRun::Context() {
  return {service_, plan_, files_, repository_, name_, options_, observer_, outcome_.facts};
}

Result<void> ServiceRun::ChooseName() {
  auto free = FindFreeName(files_, repository_, service_.name, UtcSeconds, stop_);
  if (!free && free.error().kind == ErrorKind::kCancelled) return Cancelled();
  FreeName chosen = ORCIO_TRY(std::move(free));
  name_ = std::move(chosen.name);
  outcome_.facts.start_seconds = chosen.utc_seconds;
  if (auto warning = ClockWarning(last_, chosen.utc_seconds))
    outcome_.facts.warnings.push_back(*std::move(warning));
  return CheckNaming(files_, repository_, name_);
}

// `limit` is requested to stop, too, once the service has been down for its max_downtime, and once
// the guard is lost: then what comes of it is kCancelled, and the caller says which it was.
Result<void> ServiceRun::StopAndCollect(SafetyNet& net, const std::stop_token& limit) {
  const auto host = net.Guarded(host_);
  Enter(RunPhase::kStopping);
  const auto begun = Clock::now();
  if (service_.max_downtime) deadline_ = begun + *service_.max_downtime;
  auto stopped = control_.Stop(*host, limit);
  downtime_.stop = SecondsSince(begun);
  ORCIO_TRY(std::move(stopped));
  const auto down = Clock::now();
  const auto watchful = MakeWatchfulHost(*host, service_, standing_, plan_.fleeting, losses_);
  auto streamed = Collect(*watchful, limit);
  // Nothing but what has to be looked at before stands between the last byte and the start.
  if (streamed) streamed = control_.LookBeforeStart(host_, limit);
  if (streamed) net.EndsWithStart();
  downtime_.scan = capture_->scan_seconds();
  downtime_.stream = SecondsSince(down) - downtime_.scan;
  return streamed;
}

// Once the service runs, or cannot be made to: whether it was at rest while it was read.
Result<void> ServiceRun::JudgeRest() {
  auto judged = control_.JudgeAfterStart(host_, stop_);
  if (judged || judged.error().kind != ErrorKind::kNetwork) return judged;
  // A link that breaks now is no reason to throw an archive away.
  ORCIO_TRY(host_.Connect(stop_));
  return control_.JudgeAfterStart(host_, stop_);
}

Result<void> ServiceRun::Collect(RemoteHost& host, const std::stop_token& limit) {
  Enter(RunPhase::kStreaming);
  auto collected = capture_->Collect(host, deadline_, limit);
  if (!collected) return Failure(NoTar(std::move(collected).error()));
  if (stop_.stop_requested()) return Cancelled();
  return {};
}

Result<void> ServiceRun::Publish(std::future<Result<const TarSummary*>> finished) {
  Enter(RunPhase::kFinishing);
  auto whole = finished.get();
  // Of precopy, what is damaged may be the last archive.
  if (!whole && plan_.mode != Mode::kPrecopy) return Failure(NoTar(std::move(whole).error()));
  const TarSummary* summary = ORCIO_TRY(std::move(whole));
  if (stop_.stop_requested()) return Cancelled();
  LookAgain();
  LookAtOthers();
  outcome_.facts.end_seconds = UtcSeconds();
  capture_->Report(outcome_.facts);
  const ArchiveSize size{summary->end_of_entries, summary->entries};
  CompareSize(service_, last_, size, outcome_.facts);
  NoteLosses(losses_, last_, size, outcome_.facts);
  RunFacts facts = outcome_.facts;
  if (outcome_.start_error) {
    facts.warnings.push_back("the service was not confirmed running again: " +
                             outcome_.start_error->message);
  }
  ORCIO_TRY(capture_->Describe(facts));
  ORCIO_TRY(capture_->Publish());
  // Whatever runs that gave up have left has served, or is out of date.
  if (auto removed = RemoveKept(files_, repository_, service_.name); !removed)
    outcome_.facts.warnings.push_back(std::move(removed).error().message);
  outcome_.archive = repository_ / name_;
  outcome_.tar_bytes = capture_->tar_bytes();
  outcome_.archive_bytes = capture_->archive_bytes();
  outcome_.entries = summary->entries;
  if (observer_.progress) observer_.progress(outcome_.tar_bytes, outcome_.archive_bytes);
  return {};
}

// What was fetched while the service ran need not be fetched again because the rest took too long.
void ServiceRun::KeepForNext() {
  if (!capture_ || outcome_.error->kind != ErrorKind::kLimit || stop_.stop_requested()) return;
  capture_->Explain(*outcome_.error);
  auto kept = capture_->Keep(host_, stop_);
  if (!kept) {
    outcome_.facts.warnings.push_back(std::move(kept).error().message);
  } else if (*kept) {
    outcome_.error->message += "; what was fetched while it ran is kept for the next run";
  }
}

// A health check that was not due when the service was started may have spoken by now.
void ServiceRun::LookAgain() {
  if (stop_.stop_requested()) return;
  auto looked = control_.LookAgain(host_, stop_);
  auto& warnings = outcome_.facts.warnings;
  if (looked) {
    warnings.insert(warnings.end(), looked->begin(), looked->end());
  } else if (looked.error().kind == ErrorKind::kNotRunning && !outcome_.start_error) {
    outcome_.start_error = std::move(looked).error();
  } else {
    warnings.push_back("whether it is well was not known by the end of the run: " +
                       looked.error().message);
  }
}

// Whoever was started meanwhile may have written, too.
void ServiceRun::LookAtOthers() {
  for (auto& warning : LateWarnings(plan_, service_, host_, stop_))
    outcome_.facts.warnings.push_back(std::move(warning));
}

// What a host sends is nothing of the repository's: if it makes no sense, nothing there is damaged.
Error ServiceRun::NoTar(Error error) const {
  if (error.kind != ErrorKind::kDamaged) return error;
  error.kind = ErrorKind::kRemote;
  error.message = fmt::format(
      "{}: no archive, for what {} sent is no whole tar ({}): see what else prints to standard "
      "output there while tar runs, and whether that is a tar at all",
      service_.name, host_.name(), error.message);
  return error;
}

Failure ServiceRun::Cancelled() const {
  return Fail(ErrorKind::kCancelled, "{}: interrupted; no archive was made", service_.name);
}

Failure ServiceRun::DownTooLong() const {
  return Fail(ErrorKind::kLimit,
              "{}: started again without an archive, for it was down for its max_downtime, {} s, "
              "and {} of the tar had arrived: raise max_downtime, or exclude something",
              service_.name, service_.max_downtime->count(), FormatBytes(capture_->tar_bytes()));
}

}  // namespace

ServiceOutcome RunService(const RunContext& context, RemoteHost& host, ServiceControl& control,
                          const std::stop_token& stop) {
  return ServiceRun(context, host, control, stop).Run();
}

}  // namespace orcio::inline archiver

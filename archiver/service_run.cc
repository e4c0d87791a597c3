#include "archiver/service_run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <string_view>
#include <system_error>

#include "archiver/pause.h"
#include "archiver/remote_tar.h"
#include "archiver/service_plan.h"
#include "archiver/stopped_service.h"
#include "archiver/time_limit.h"
#include "index/archive_name.h"
#include "index/repository.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{100};

double SecondsSince(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

int64_t UtcSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string_view NameOf(ControlKind kind) {
  switch (kind) {
    case ControlKind::kCompose:
      return "compose";
    case ControlKind::kSystemd:
      return "systemd";
    case ControlKind::kCommands:
      return "commands";
    case ControlKind::kNone:
      break;
  }
  return "none";
}

std::string_view NameOf(Mode mode) {
  switch (mode) {
    case Mode::kStop:
      break;
  }
  return "stop";
}

double Gib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 30);
}

// Hands bytes on to the writer and tells an observer from time to time.
class ObservedSink : public ByteSink {
 public:
  ObservedSink(ArchiveWriter& writer, const RunObserver& observer)
      : writer_(writer), observer_(observer) {}

  Result<std::span<std::byte>> Buffer() override { return writer_.Buffer(); }

  Result<void> Commit(size_t bytes) override {
    ORCIO_TRY(writer_.Commit(bytes));
    if (observer_.progress && Clock::now() - told_ >= kProgressInterval) {
      observer_.progress(writer_.tar_bytes(), writer_.archive_bytes());
      told_ = Clock::now();
    }
    return {};
  }

 private:
  ArchiveWriter& writer_;
  const RunObserver& observer_;
  Clock::time_point told_;
};

class ServiceRun {
 public:
  ServiceRun(const ServiceConfig& service, RemoteHost& host, ServiceControl& control,
             const FileSystem& files, const std::filesystem::path& repository,
             const ServiceRunOptions& options, const RunObserver& observer,
             const std::stop_token& stop)
      : service_(service),
        host_(host),
        control_(control),
        files_(files),
        repository_(repository),
        options_(options),
        observer_(observer),
        stop_(stop) {}

  ServiceOutcome Run();

 private:
  Result<void> Archive();
  Result<void> Prepare();
  Result<void> CheckSpace() const;
  Result<void> ChooseName();
  Result<void> StopAndStream(const std::stop_token& stop);
  Result<void> Stream(const std::stop_token& stop);
  Result<void> Publish(std::future<Result<const TarSummary*>> finished);
  [[nodiscard]] Failure Cancelled() const;
  [[nodiscard]] Failure DownTooLong() const;
  void Enter(RunPhase phase) const {
    if (observer_.phase) observer_.phase(phase);
  }

  const ServiceConfig& service_;
  RemoteHost& host_;
  ServiceControl& control_;
  const FileSystem& files_;
  const std::filesystem::path& repository_;
  const ServiceRunOptions& options_;
  const RunObserver& observer_;
  const std::stop_token& stop_;

  ServicePlan plan_;
  std::string name_;
  std::unique_ptr<ArchiveWriter> writer_;
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
  auto archived = Archive();
  if (!archived) outcome_.error = std::move(archived).error();
  writer_.reset();  // removes what was not published
  outcome_.seconds = SecondsSince(begun);
  return std::move(outcome_);
}

Result<void> ServiceRun::Archive() {
  ORCIO_TRY(Prepare());
  Result<void> streamed;
  std::future<Result<const TarSummary*>> finished;
  if (plan_.stops.empty()) {
    streamed = Stream(stop_);
    if (streamed) finished = std::async(std::launch::async, [this] { return writer_->Finish(); });
  } else {
    StoppedService stopped(host_, control_, {options_.start_retry, options_.retry_pause});
    const TimeLimit limit(service_.max_downtime, stop_);
    streamed = StopAndStream(limit.token());
    if (!streamed && limit.expired()) streamed = DownTooLong();
    // The last byte is here: what remains to be compressed does not keep the service down.
    if (streamed) finished = std::async(std::launch::async, [this] { return writer_->Finish(); });
    Enter(RunPhase::kStarting);
    const auto begun = Clock::now();
    auto started = stopped.Start();
    downtime_.start = SecondsSince(begun);
    outcome_.facts.downtime = downtime_;
    if (!started) outcome_.start_error = std::move(started).error();
  }
  ORCIO_TRY(std::move(streamed));
  return Publish(std::move(finished));
}

// All that can fail without the service noticing.
Result<void> ServiceRun::Prepare() {
  Enter(RunPhase::kConnecting);
  plan_ = ORCIO_TRY(PlanService(service_, host_, control_, stop_));
  outcome_.facts.tools["tar"] = plan_.tar.description;
  outcome_.facts.warnings = control_.Warnings();
  ORCIO_TRY(CheckSpace());
  ORCIO_TRY(ChooseName());
  writer_ = ORCIO_TRY(ArchiveWriter::Create(files_, repository_, name_, options_.writer));
  if (stop_.stop_requested()) return Cancelled();
  return {};
}

// A disk that could not even take the last archive again will not take the next one.
Result<void> ServiceRun::CheckSpace() const {
  const auto archives = ORCIO_TRY(Repository(files_, repository_).List());
  const auto last = std::find_if(archives.rbegin(), archives.rend(), [&](const ArchiveFile& file) {
    return file.name.service == service_.name;
  });
  if (last == archives.rend()) return {};
  std::error_code code;
  const auto space = std::filesystem::space(repository_, code);
  if (code) return FailErrno(code.value(), "free space of " + repository_.string());
  if (space.available >= last->status.size) return {};
  return Failure(Error{
      ErrorKind::kIo, ENOSPC,
      fmt::format("{}: {:.2f} GiB are free, the last archive of {} ({}) took {:.2f} GiB: make room "
                  "there; the service was not stopped",
                  repository_.string(), Gib(space.available), service_.name,
                  last->path.filename().string(), Gib(last->status.size))});
}

// A name has a second's precision: where it is taken, the next second's is free.
Result<void> ServiceRun::ChooseName() {
  for (int attempt = 0; attempt < 3; ++attempt) {
    outcome_.facts.start_seconds = UtcSeconds();
    name_ = MakeArchiveName(service_.name, outcome_.facts.start_seconds);
    const auto status = files_.Status(repository_ / name_);
    if (!status && ToErrno(status.error()) == ENOENT) return {};
    if (!status) return Failure(status.error());
    if (!Pause(std::chrono::milliseconds(1000), stop_)) return Cancelled();
  }
  return Fail(ErrorKind::kIo, "{} exists already: look at this machine's clock",
              (repository_ / name_).string());
}

Result<void> ServiceRun::StopAndStream(const std::stop_token& stop) {
  Enter(RunPhase::kStopping);
  const auto begun = Clock::now();
  auto stopped = control_.Stop(host_, stop);
  downtime_.stop = SecondsSince(begun);
  ORCIO_TRY(std::move(stopped));
  const auto down = Clock::now();
  auto streamed = Stream(stop);
  downtime_.stream = SecondsSince(down);
  return streamed;
}

Result<void> ServiceRun::Stream(const std::stop_token& stop) {
  Enter(RunPhase::kStreaming);
  ObservedSink sink(*writer_, observer_);
  const auto ended = ORCIO_TRY(host_.Stream(plan_.command, sink, RunOptions{}, stop));
  auto warnings = ORCIO_TRY(JudgeTar(plan_.tar, ended));
  auto& all = outcome_.facts.warnings;
  all.insert(all.end(), std::make_move_iterator(warnings.begin()),
             std::make_move_iterator(warnings.end()));
  if (stop_.stop_requested()) return Cancelled();
  return {};
}

Result<void> ServiceRun::Publish(std::future<Result<const TarSummary*>> finished) {
  Enter(RunPhase::kFinishing);
  const TarSummary* summary = ORCIO_TRY(finished.get());
  if (stop_.stop_requested()) return Cancelled();
  outcome_.facts.end_seconds = UtcSeconds();
  RunFacts facts = outcome_.facts;
  if (outcome_.start_error) {
    facts.warnings.push_back("the service was not confirmed running again: " +
                             outcome_.start_error->message);
  }
  ORCIO_TRY(writer_->Describe(facts));
  ORCIO_TRY(writer_->Publish());
  outcome_.archive = repository_ / name_;
  outcome_.tar_bytes = writer_->tar_bytes();
  outcome_.archive_bytes = writer_->archive_bytes();
  outcome_.entries = summary->entries;
  if (observer_.progress) observer_.progress(outcome_.tar_bytes, outcome_.archive_bytes);
  return {};
}

Failure ServiceRun::Cancelled() const {
  return Fail(ErrorKind::kCancelled, "{}: interrupted; no archive was made", service_.name);
}

Failure ServiceRun::DownTooLong() const {
  return Fail(ErrorKind::kLimit,
              "{}: started again without an archive, for it was down for its max_downtime, {} s, "
              "and {:.2f} GiB of the tar had arrived: raise max_downtime, or exclude something",
              service_.name, service_.max_downtime->count(), Gib(writer_->tar_bytes()));
}

}  // namespace

ServiceOutcome RunService(const ServiceConfig& service, RemoteHost& host, ServiceControl& control,
                          const FileSystem& files, const std::filesystem::path& repository,
                          const ServiceRunOptions& options, const RunObserver& observer,
                          const std::stop_token& stop) {
  return ServiceRun(service, host, control, files, repository, options, observer, stop).Run();
}

}  // namespace orcio

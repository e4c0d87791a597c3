#include "archiver/capture/capture.h"
#include "archiver/capture/last_path.h"
#include "archiver/capture/observed_sink.h"
#include "archiver/config/service_names.h"
#include "archiver/tar/remote_tar.h"
#include "archiver/tar/wire.h"
#include "base/text/figures.h"
#include "base/threads/pace_limit.h"
#include "base/threads/stall_limit.h"

namespace orcio::inline archiver {
namespace {

class StreamCapture : public Capture {
 public:
  explicit StreamCapture(const CaptureContext& context) : context_(context) {}

  Result<void> Create() {
    ArchiveWriterOptions options = context_.options.writer;
    options.entry = [this](const TarEntry& entry) -> Result<void> {
      last_.Set(entry.path);
      return {};
    };
    writer_ = ORCIO_TRY(
        ArchiveWriter::Create(context_.files, context_.repository, context_.name, options));
    return {};
  }

  Result<void> Prepare(RemoteHost&, const std::stop_token&) override { return {}; }
  Result<void> Collect(RemoteHost& host, std::optional<std::chrono::steady_clock::time_point>,
                       const std::stop_token& stop) override {
    std::optional<std::chrono::seconds> silence;
    if (!context_.plan.stops.empty()) silence = context_.service.stall_timeout;
    auto streamed =
        StreamTar(context_, host, {context_.plan.command}, *writer_, *writer_, silence, stop);
    gave_up_ = !streamed && streamed.error().kind == ErrorKind::kLimit;
    auto said = ORCIO_TRY(std::move(streamed)).warnings;
    auto& warnings = context_.facts.warnings;
    warnings.insert(warnings.end(), std::make_move_iterator(said.begin()),
                    std::make_move_iterator(said.end()));
    return {};
  }
  void Explain(Error& error) override {
    if (gave_up_) error.message += last_.Told(*writer_);
  }
  Result<const TarSummary*> Finish() override { return writer_->Finish(); }
  Result<void> Describe(const RunFacts& facts) override { return writer_->Describe(facts); }
  Result<void> Publish() override { return writer_->Publish(); }
  [[nodiscard]] uint64_t tar_bytes() const override { return writer_->tar_bytes(); }
  [[nodiscard]] uint64_t archive_bytes() const override { return writer_->archive_bytes(); }

 private:
  const CaptureContext context_;
  LastPath last_;  // the writer's threads set it
  std::unique_ptr<ArchiveWriter> writer_;
  bool gave_up_ = false;
};

// Counts what crosses the link.
class CountedSink : public ByteSink {
 public:
  CountedSink(ByteSink& sink, uint64_t& count) : sink_(sink), count_(count) {}
  Result<std::span<std::byte>> Buffer() override { return sink_.Buffer(); }
  Result<void> Commit(size_t bytes) override {
    count_ += bytes;
    return sink_.Commit(bytes);
  }

 private:
  ByteSink& sink_;
  uint64_t& count_;
};

Failure Stalled(const CaptureContext& context, const RemoteHost& host, const ArchiveWriter& writer,
                std::chrono::seconds silence, bool blocked) {
  const std::string arrived = FormatBytes(writer.tar_bytes());
  if (blocked)
    return Fail(ErrorKind::kLimit,
                "{}: no archive, for nothing could be written to {} for {} s (stall_timeout), "
                "after {} of the tar: look at that disk",
                context.service.name, context.repository.string(), silence.count(), arrived);
  return Fail(ErrorKind::kLimit,
              "{}: no archive, for nothing came from {} for {} s (stall_timeout), after {} of the "
              "tar: look at that host's disks, and at what is mounted below the service's paths",
              context.service.name, host.name(), silence.count(), arrived);
}

}  // namespace

Result<std::unique_ptr<Capture>> MakeStreamCapture(const CaptureContext& context) {
  auto capture = std::make_unique<StreamCapture>(context);
  ORCIO_TRY(capture->Create());
  return std::unique_ptr<Capture>(std::move(capture));
}

Result<TarWords> StreamTar(const CaptureContext& context, RemoteHost& host,
                           const TarCommand& command, ByteSink& sink, ArchiveWriter& writer,
                           std::optional<std::chrono::seconds> longest_silence,
                           const std::stop_token& stop) {
  const Pace& slowest = context.options.slowest;
  PaceLimit pace(slowest, stop);
  StallLimit stall(longest_silence, pace.token(), context.options.silence_wait);
  ObservedSink observed(sink, writer, pace, context.observer);
  const Wire wire = context.plan.wire;
  const auto unpack = MakeUnpackSink(wire, observed);
  auto& facts = context.facts.wire;
  if (unpack && !facts) facts = WireFacts{std::string(NameOf(wire)), 0};
  uint64_t uncounted = 0;
  CountedSink arriving(unpack ? static_cast<ByteSink&>(*unpack) : observed,
                       unpack ? facts->bytes : uncounted);
  RunOptions options;
  options.input = command.input;
  options.only_reads = true;
  HeardSink heard(arriving, stall, [&writer] { writer.Stop(); });
  auto streamed = host.Stream(PackedCommand(wire, command.line), heard, options, stall.token());
  if (!streamed && stall.expired())
    return Stalled(context, host, writer, *longest_silence, heard.blocked());
  if (!streamed && pace.expired()) {
    return Fail(ErrorKind::kLimit,
                "{}: no archive, for less than {} KiB came from {} within {} s, after {} of the "
                "tar: look at the link, at that host's disks, and at this machine's",
                context.service.name, slowest.bytes / 1024, host.name(), slowest.time.count(),
                FormatBytes(writer.tar_bytes()));
  }
  const auto ended = ORCIO_TRY(std::move(streamed));
  TarWords said;
  said.warnings = ORCIO_TRY(JudgeTar(context.plan.tar, ended, command.single_names));
  if (command.single_names) said.vanished = VanishedNames(context.plan.tar, ended);
  if (unpack) ORCIO_TRY(unpack->Finish());
  return said;
}

}  // namespace orcio::inline archiver

#include "archiver/capture.h"
#include "archiver/figures.h"
#include "archiver/observed_sink.h"
#include "archiver/pace_limit.h"
#include "archiver/remote_tar.h"
#include "archiver/service_names.h"
#include "archiver/wire.h"

namespace orcio {
namespace {

class StreamCapture : public Capture {
 public:
  StreamCapture(const CaptureContext& context, std::unique_ptr<ArchiveWriter> writer)
      : context_(context), writer_(std::move(writer)) {}

  Result<void> Prepare(RemoteHost&, const std::stop_token&) override { return {}; }
  Result<void> Collect(RemoteHost& host, std::optional<std::chrono::steady_clock::time_point>,
                       const std::stop_token& stop) override {
    auto said =
        ORCIO_TRY(StreamTar(context_, host, {context_.plan.command}, *writer_, *writer_, stop));
    auto& warnings = context_.facts.warnings;
    warnings.insert(warnings.end(), std::make_move_iterator(said.begin()),
                    std::make_move_iterator(said.end()));
    return {};
  }
  Result<const TarSummary*> Finish() override { return writer_->Finish(); }
  Result<void> Describe(const RunFacts& facts) override { return writer_->Describe(facts); }
  Result<void> Publish() override { return writer_->Publish(); }
  [[nodiscard]] uint64_t tar_bytes() const override { return writer_->tar_bytes(); }
  [[nodiscard]] uint64_t archive_bytes() const override { return writer_->archive_bytes(); }

 private:
  const CaptureContext context_;
  const std::unique_ptr<ArchiveWriter> writer_;
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

}  // namespace

Result<std::unique_ptr<Capture>> MakeStreamCapture(const CaptureContext& context) {
  auto writer = ORCIO_TRY(ArchiveWriter::Create(context.files, context.repository, context.name,
                                                context.options.writer));
  return std::make_unique<StreamCapture>(context, std::move(writer));
}

Result<std::vector<std::string>> StreamTar(const CaptureContext& context, RemoteHost& host,
                                           const TarCommand& command, ByteSink& sink,
                                           const ArchiveWriter& writer,
                                           const std::stop_token& stop) {
  const Pace& slowest = context.options.slowest;
  PaceLimit pace(slowest, stop);
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
  auto streamed = host.Stream(PackedCommand(wire, command.line), arriving, options, pace.token());
  if (!streamed && pace.expired()) {
    return Fail(ErrorKind::kLimit,
                "{}: no archive, for less than {} KiB came from {} within {} s, after {} of the "
                "tar: look at the link, at that host's disks, and at this machine's",
                context.service.name, slowest.bytes / 1024, host.name(), slowest.time.count(),
                FormatBytes(writer.tar_bytes()));
  }
  const auto ended = ORCIO_TRY(std::move(streamed));
  auto said = ORCIO_TRY(JudgeTar(context.plan.tar, ended, command.single_names));
  if (unpack) ORCIO_TRY(unpack->Finish());
  return said;
}

}  // namespace orcio

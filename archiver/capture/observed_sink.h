#pragma once

#include <chrono>
#include <span>

#include "archiver/capture/run_options.h"
#include "archiver/host/remote_host.h"
#include "base/byte_sink.h"
#include "base/threads/pace_limit.h"
#include "index/archive/write/archive_writer.h"

namespace orcio::inline archiver {

// Hands a stream's bytes on to the writer, counts them, and tells an observer from time to time.
class ObservedSink : public ByteSink {
 public:
  // What goes to `sink` comes to `writer` in the end.
  ObservedSink(ByteSink& sink, const ArchiveWriter& writer, PaceLimit& pace,
               const RunObserver& observer)
      : sink_(sink), writer_(writer), pace_(pace), observer_(observer) {}

  Result<std::span<std::byte>> Buffer() override { return sink_.Buffer(); }

  Result<void> Commit(size_t bytes) override {
    ORCIO_TRY(sink_.Commit(bytes));
    pace_.Count(bytes);
    if (observer_.progress && Clock::now() - told_ >= kInterval) {
      observer_.progress(writer_.tar_bytes(), writer_.archive_bytes());
      told_ = Clock::now();
    }
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{100};

  ByteSink& sink_;
  const ArchiveWriter& writer_;
  PaceLimit& pace_;
  const RunObserver& observer_;
  Clock::time_point told_;
};

}  // namespace orcio::inline archiver

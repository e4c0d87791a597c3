#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "base/threads/pause.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

// What the tests of one run of a service share.
namespace orcio::test {

// This machine, behind a link that a test breaks.
class ShakyHost : public LocalHost {
 public:
  using LocalHost::LocalHost;

  std::function<Result<void>()> connect = [] { return Result<void>(); };
  size_t connections = 0;
  // Called once so many bytes of a stream have passed; an error ends the stream.
  uint64_t after = 0;
  std::function<Result<void>()> then;
  bool slow = false;                 // whether a stream takes minutes to end
  std::atomic<uint64_t> passed = 0;  // bytes of all streams

  Result<void> Connect(const std::stop_token&) override {
    ++connections;
    return connect();
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    CountingSink counting(*this, sink);
    return LocalHost::Stream(slow ? command + "; sleep 600" : command, counting, options, stop);
  }

 private:
  class CountingSink : public ByteSink {
   public:
    CountingSink(ShakyHost& host, ByteSink& sink) : host_(host), sink_(sink) {}
    Result<std::span<std::byte>> Buffer() override { return sink_.Buffer(); }
    Result<void> Commit(size_t bytes) override {
      ORCIO_TRY(sink_.Commit(bytes));
      passed_ += bytes;
      host_.passed += bytes;
      if (host_.then && passed_ > host_.after) ORCIO_TRY(host_.then());
      return {};
    }

   private:
    ShakyHost& host_;
    ByteSink& sink_;
    uint64_t passed_ = 0;
  };
};

// A service with 2 MiB that hardly compress, an empty repository, and one run.
struct Run {
  ScratchDirectory scratch;
  ServiceConfig service;
  ShakyHost host{"atena"};
  FakeControl control;
  ServiceRunOptions options;
  RunObserver observer;
  std::stop_source stop;
  std::vector<RunPhase> phases;

  Run() {
    std::filesystem::create_directory(repository());
    std::filesystem::create_directory(scratch / "volume");
    std::ofstream(scratch / "volume/data", std::ios::binary) << Noise(2 << 20, 1);
    service.name = "wiki";
    service.host = "atena";
    service.paths = {scratch / "volume"};
    options.retry_pause = std::chrono::seconds(0);
    options.start_retry = std::chrono::seconds(120);
    observer.phase = [this](RunPhase phase) { phases.push_back(phase); };
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }
  ServiceOutcome Go(const FileSystem& files = LocalFileSystem()) {
    return RunService({service, files, repository(), options, observer}, host, control,
                      stop.get_token());
  }
  [[nodiscard]] std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(repository())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
};

inline void CheckFailed(const Run& run, const ServiceOutcome& outcome, ErrorKind kind) {
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == kind);
  CHECK(outcome.archive.empty());
  CHECK(run.Names().empty());
}

inline Failure Broken(ErrorKind kind) {
  return Failure(Error{kind, 0, "as the test has it"});
}

// Time that passes by itself, but not before it holds.
inline StallLimit::Wait OnceThat(std::function<bool()> holds) {
  return [holds = std::move(holds)](std::chrono::milliseconds time, const std::stop_token& over) {
    while (!holds())
      if (!Pause(std::chrono::milliseconds(10), over)) return false;
    return Pause(time, over);
  };
}

// Whether it is written before the service is stopped: the journal, and what tries whether the
// archive can be given its name.
inline bool IsWrittenBefore(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.find(".journal") != std::string::npos || name.find(".nam") != std::string::npos;
}

}  // namespace orcio::test

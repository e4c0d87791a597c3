// What becomes of a run in the middle of which something fails, hangs or is cut.

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <mutex>

#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/noise.h"
#include "tests/support/services/precopy_service.h"
#include "tests/unit/archiver/run/service_run_scene.h"

namespace orcio {

using namespace test;

TEST_CASE("A stop that fails ends in a start and no archive") {
  Run run;
  run.control.stops.push_back(Broken(ErrorKind::kRemote));
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kRemote);
  CHECK_FALSE(outcome.start_error);
  CHECK(run.control.log == kWholeRun);
}

TEST_CASE("A tar that fails ends in a start and no archive") {
  Run run;
  run.control.on_stop = [&] { std::filesystem::remove_all(run.scratch / "volume"); };
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kRemote);
  CHECK(run.control.log == kWholeRun);
}

TEST_CASE("A disk that fails at any call leaves no archive, and the service running") {
  for (size_t call = 1;; ++call) {
    CAPTURE(call);
    Run run;
    test::FailingFiles files(LocalFileSystem());
    files.FailAt(call);
    const auto outcome = run.Go(files);
    CHECK_FALSE(outcome.start_error);
    const auto& log = run.control.log;
    CHECK(std::count(log.begin(), log.end(), "stop") ==
          std::count(log.begin(), log.end(), "start"));
    if (!files.failed()) {
      CHECK(call > 10);
      CHECK_FALSE(outcome.error);
      break;
    }
    if (!outcome.error) {
      // What was to be removed is gone by itself.
      if (outcome.facts.warnings.empty()) {
        CHECK(run.Names().size() == 2);
        continue;
      }
      // The service runs, and its journal, or what earlier runs kept, could not be removed: said,
      // and no harm done.
      REQUIRE(outcome.facts.warnings.size() == 1);
      CHECK((outcome.facts.warnings[0].find(".wiki.journal") != std::string::npos) ==
            std::filesystem::exists(JournalPath(run.repository(), "wiki")));
      CHECK(std::filesystem::exists(outcome.archive));
      continue;
    }
    CheckFailed(run, outcome, ErrorKind::kIo);
    CHECK(outcome.error->errnum == ENOSPC);
  }
}

TEST_CASE("A service down for as long as it may be is started again without an archive") {
  Run run;
  run.service.max_downtime = std::chrono::seconds(1);
  run.host.slow = true;
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kLimit);
  CHECK(outcome.error->message.find("max_downtime") != std::string::npos);
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(outcome.start_error);
}

// The service stayed down for as long as the tar hung.
TEST_CASE("A stream that brings nothing more is given up, and said where that was") {
  Run run;
  run.service.stall_timeout = std::chrono::seconds(3);
  // Its silence begins once the file has come, however long that takes.
  run.options.silence_wait = OnceThat([&] { return run.host.passed > (2U << 20); });
  run.host.slow = true;
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kLimit);
  CHECK(outcome.error->message.find("nothing came from atena for 3 s") != std::string::npos);
  CHECK(outcome.error->message.find("of the tar") != std::string::npos);
  CHECK(outcome.error->message.ends_with("volume/data: look there"));
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(outcome.start_error);
}

TEST_CASE("What is read of a service that does not run may take its time") {
  Run run;
  run.control.running.clear();
  run.service.stall_timeout = std::chrono::seconds(1);
  run.options.slowest = {uint64_t{1} << 30, std::chrono::seconds(5)};
  run.host.slow = true;
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kLimit);
  CHECK(outcome.error->message.find("KiB came from") != std::string::npos);
}

// It stayed down for as long as the repository's disk hung, a max_downtime or not.
TEST_CASE("A repository's disk that hangs does not keep the service down") {
  Run run;
  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;
  // As much as the writer takes before it waits for the disk, several times.
  run.options.writer.max_bytes_in_flight = 1;
  run.options.writer.threads = 1;
  std::ofstream(run.scratch / "volume/data", std::ios::binary) << test::Noise(48 << 20, 1);
  std::atomic<bool> hung = false;
  std::string why;
  SECTION("with its own limit") {
    run.service.stall_timeout = std::chrono::seconds(5);
    run.options.silence_wait = OnceThat([&] { return hung.load(); });
    why = "nothing could be written to";
  }
  SECTION("with a max_downtime") {
    // From the stop on: it takes some of it until the disk is asked for the first time.
    run.service.max_downtime = std::chrono::seconds(20);
    why = "max_downtime";
  }
  run.control.on_start = [&] {
    const std::scoped_lock lock(mutex);
    started = true;
    changed.notify_all();
  };
  const test::WatchedFiles files([&](const std::filesystem::path& path, size_t) -> Result<void> {
    if (IsWrittenBefore(path)) return {};
    std::unique_lock lock(mutex);
    hung = true;
    // Long enough for a run that waits for it to be known by it.
    return changed.wait_for(lock, std::chrono::seconds(60), [&] { return started; })
               ? Result<void>()
               : Broken(ErrorKind::kIo);
  });
  const auto outcome = run.Go(files);
  CHECK(hung);
  CheckFailed(run, outcome, ErrorKind::kLimit);
  CHECK(outcome.error->message.find(why) != std::string::npos);
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(outcome.start_error);
}

TEST_CASE("A stream that hardly brings anything is given up, and the service started again") {
  Run run;
  run.options.slowest = {uint64_t{1} << 30, std::chrono::seconds(1)};
  run.host.slow = true;
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kLimit);
  CHECK(outcome.error->message.find("KiB came from") != std::string::npos);
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(outcome.start_error);
}

TEST_CASE("A stop request in the middle ends in a start that is not cancelled, and no archive") {
  Run run;
  run.host.after = 1 << 20;
  run.host.then = [&]() -> Result<void> {
    run.stop.request_stop();
    return {};
  };
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kCancelled);
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(run.control.start_was_cancelled);
}

TEST_CASE("A link cut in the middle is made anew until the service runs") {
  Run run;
  int away = 3;
  run.host.after = 1 << 20;
  run.host.then = [&] {
    run.host.connect = [&]() -> Result<void> {
      if (away-- > 0) return Broken(ErrorKind::kNetwork);
      return {};
    };
    return Result<void>(Broken(ErrorKind::kNetwork));
  };
  const auto outcome = run.Go();
  CheckFailed(run, outcome, ErrorKind::kNetwork);
  CHECK_FALSE(outcome.start_error);
  CHECK(run.control.log == kWholeRun);
  CHECK(run.host.connections == 5);
}

TEST_CASE("A link cut while the service starts is made anew until it runs") {
  Run run;
  run.control.starts = {Broken(ErrorKind::kNetwork), Broken(ErrorKind::kNetwork)};
  const auto outcome = run.Go();
  CHECK_FALSE(outcome.error);
  CHECK_FALSE(outcome.start_error);
  CHECK(std::count(run.control.log.begin(), run.control.log.end(), "start") == 3);
}

TEST_CASE("A host that stays away leaves the service unconfirmed") {
  Run run;
  run.options.start_retry = std::chrono::seconds(1);
  run.control.on_stop = [&] { run.host.connect = [] { return Broken(ErrorKind::kNetwork); }; };
  run.control.starts = {Broken(ErrorKind::kNetwork)};  // by the link that was there
  const auto outcome = run.Go();
  REQUIRE(outcome.start_error);
  CHECK(outcome.start_error->kind == ErrorKind::kNetwork);
}

TEST_CASE("A host that keeps refusing is not asked for ever") {
  Run run;
  run.control.on_stop = [&] { run.host.connect = [] { return Broken(ErrorKind::kRefused); }; };
  run.control.starts = {Broken(ErrorKind::kNetwork)};
  const auto outcome = run.Go();
  REQUIRE(outcome.start_error);
  CHECK(outcome.start_error->kind == ErrorKind::kRefused);
  CHECK(run.host.connections == 11);
}

TEST_CASE("An archive is published though its service does not come up, and says so") {
  Run run;
  run.control.starts.push_back(Broken(ErrorKind::kNotRunning));
  const auto outcome = run.Go();
  CHECK_FALSE(outcome.error);
  REQUIRE(outcome.start_error);
  CHECK(outcome.start_error->kind == ErrorKind::kNotRunning);
  REQUIRE_FALSE(outcome.archive.empty());
  const auto sidecar = ValueOf(
      ReadWholeFile(LocalFileSystem(), outcome.archive.string() + ".idx", uint64_t{1} << 20));
  const std::string text(reinterpret_cast<const char*>(sidecar.data()), sidecar.size());
  CHECK(text.find("not confirmed running again") != std::string::npos);
}

TEST_CASE("An exception in the middle unwinds through a start") {
  Run run;
  run.host.after = 1 << 20;
  run.host.then = []() -> Result<void> { throw std::bad_alloc(); };
  CHECK_THROWS_AS(run.Go(), std::bad_alloc);
  CHECK(run.control.log == kWholeRun);
  CHECK(run.Names().empty());
}

}  // namespace orcio

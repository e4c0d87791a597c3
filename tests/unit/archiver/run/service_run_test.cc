#include "archiver/run/service_run.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <mutex>
#include <thread>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/safety/run_journal.h"
#include "base/threads/pause.h"
#include "index/rebuild/rebuild.h"
#include "index/repository/archive_name.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"
#include "tests/support/services/precopy_service.h"

namespace orcio {
namespace {

using test::FakeControl;

// This machine, behind a link that a test breaks.
class ShakyHost : public test::LocalHost {
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
  test::ScratchDirectory scratch;
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
    std::ofstream(scratch / "volume/data", std::ios::binary) << test::Noise(2 << 20, 1);
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

const std::vector<std::string> kWholeRun{"inspect", "stop", "start"};

void CheckFailed(const Run& run, const ServiceOutcome& outcome, ErrorKind kind) {
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == kind);
  CHECK(outcome.archive.empty());
  CHECK(run.Names().empty());
}

Failure Broken(ErrorKind kind) {
  return Failure(Error{kind, 0, "as the test has it"});
}

// Time that passes by itself, but not before it holds.
StallLimit::Wait OnceThat(std::function<bool()> holds) {
  return [holds = std::move(holds)](std::chrono::milliseconds time, const std::stop_token& over) {
    while (!holds())
      if (!Pause(std::chrono::milliseconds(10), over)) return false;
    return Pause(time, over);
  };
}

}  // namespace

TEST_CASE("A run stops the service, archives it, starts it, and publishes with its facts") {
  Run run;
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE_FALSE(outcome.start_error);
  CHECK(run.control.log == kWholeRun);
  CHECK(run.phases == std::vector{RunPhase::kConnecting, RunPhase::kStopping, RunPhase::kStreaming,
                                  RunPhase::kStarting, RunPhase::kFinishing});
  CHECK(outcome.entries == 2);
  CHECK(outcome.tar_bytes > (2U << 20));
  CHECK(std::filesystem::file_size(outcome.archive) == outcome.archive_bytes);
  REQUIRE(outcome.facts.downtime);
  CHECK(outcome.facts.downtime->stream > 0);
  CHECK(outcome.facts.service == "wiki");
  CHECK(outcome.facts.host == "atena");
  CHECK(outcome.facts.mode == "stop");
  CHECK(outcome.facts.control == "compose");
  CHECK(outcome.facts.start_seconds > 0);
  CHECK(outcome.facts.end_seconds >= outcome.facts.start_seconds);
  CHECK(outcome.facts.tools.count("orcio") == 1);
  CHECK(outcome.facts.tools.at("tar").find("tar") != std::string::npos);
  CHECK(run.Names().size() == 2);
}

namespace {

// Whether it is written before the service is stopped: the journal, and what tries whether the
// archive can be given its name.
bool IsWrittenBefore(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.find(".journal") != std::string::npos || name.find(".nam") != std::string::npos;
}

}  // namespace

TEST_CASE("The service starts before the last of the archive is written") {
  Run run;
  run.options.writer.max_bytes_in_flight = uint64_t{64} << 20;
  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;
  run.control.on_start = [&] {
    const std::scoped_lock lock(mutex);
    started = true;
    changed.notify_all();
  };
  const test::WatchedFiles files([&](const std::filesystem::path& path, size_t) -> Result<void> {
    if (IsWrittenBefore(path)) return {};
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, std::chrono::seconds(120), [&] { return started; })) return {};
    return Broken(ErrorKind::kIo);
  });
  const auto outcome = run.Go(files);
  CHECK_FALSE(outcome.error);
}

TEST_CASE("A service that does not run is archived and not started") {
  Run run;
  run.control.running.clear();
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
  CHECK_FALSE(outcome.facts.downtime);
}

TEST_CASE("What can fail beforehand fails before the service is stopped") {
  Run run;
  ErrorKind kind = ErrorKind::kNotFound;
  SECTION("a host that is away") {
    kind = ErrorKind::kNetwork;
    run.host.connect = [] { return Broken(ErrorKind::kNetwork); };
  }
  SECTION("a path that is not there") {
    kind = ErrorKind::kRemote;
    run.service.paths.push_back(run.scratch / "nowhere");
  }
  SECTION("a service that is not there") {
    run.control.inspects.push_back(Broken(ErrorKind::kNotFound));
  }
  SECTION("a repository that is not there") {
    std::filesystem::remove(run.repository());
  }
  SECTION("a stop request") {
    kind = ErrorKind::kCancelled;
    run.stop.request_stop();
  }
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == kind);
  CHECK_FALSE(outcome.start_error);
  CHECK(std::count(run.control.log.begin(), run.control.log.end(), "stop") == 0);
  CHECK(std::count(run.control.log.begin(), run.control.log.end(), "start") == 0);
}

namespace {

// Nightly archives of a volume, in the seconds before this one so that each has its own.
struct Nights {
  Run run;
  int made = 0;

  Nights() { run.service.min_ratio = 0.1; }
  // A run whose archive becomes that of an earlier night.
  ServiceOutcome Night() {
    auto outcome = run.Go();
    REQUIRE_FALSE(outcome.error);
    const std::string name = MakeArchiveName("wiki", 1'700'000'000 + ++made * 86400);
    for (const char* end : {"", ".idx"})
      std::filesystem::rename(outcome.archive.string() + end,
                              (run.repository() / name).string() + end);
    outcome.archive = run.repository() / name;
    return outcome;
  }
  void Empty() const { std::filesystem::remove(run.scratch / "volume/data"); }
  void Fill(size_t bytes) const {
    std::ofstream(run.scratch / "volume/data", std::ios::binary) << test::Noise(bytes, 1);
  }
  static RunFacts FactsOf(const ServiceOutcome& outcome) {
    return ValueOf(
        ValueOf(Sidecar::Open(LocalFileSystem(), outcome.archive.string() + ".idx"))->facts());
  }
};

}  // namespace

// 52 MB one week, 303 bytes the next, exit 0, and nobody was told.
TEST_CASE("A volume that came up empty is a warning, and its archive says what there was before") {
  Nights nights;
  const auto good = nights.Night();
  CHECK(good.facts.warnings.empty());
  CHECK_FALSE(Nights::FactsOf(good).shrunk_from);
  nights.Empty();
  const auto empty = nights.Night();
  REQUIRE(empty.facts.warnings.size() == 1);
  CHECK(empty.facts.warnings[0].find("in 1 entry,") != std::string::npos);
  CHECK(empty.facts.warnings[0].find("2.0 MiB") != std::string::npos);
  CHECK(empty.facts.warnings[0].find(nights.run.service.paths[0]) != std::string::npos);
  const auto facts = Nights::FactsOf(empty);
  REQUIRE(facts.shrunk_from);
  CHECK(facts.shrunk_from->entries == 2);
  CHECK(facts.shrunk_from->tar_bytes > (2U << 20));
  CHECK(facts.warnings == empty.facts.warnings);
}

TEST_CASE("The second empty archive of a row, and the tenth, are warned of as the first is") {
  Nights nights;
  nights.Night();
  nights.Empty();
  for (int night = 0; night < 10; ++night) {
    CAPTURE(night);
    const auto empty = nights.Night();
    CHECK(empty.facts.warnings.size() == 1);
    CHECK(Nights::FactsOf(empty).shrunk_from);
  }
  nights.Fill(1 << 20);
  CHECK(nights.Night().facts.warnings.empty());
}

TEST_CASE(
    "Empty archives that an older version made are no measure as long as a good one is near") {
  Nights nights;
  nights.Night();
  nights.Empty();
  nights.run.service.min_ratio = 0;
  for (int night = 0; night < 3; ++night) {
    const auto empty = nights.Night();
    CHECK(empty.facts.warnings.empty());
    // What that one said of it: nothing.
    REQUIRE_OK(
        RebuildSidecar(LocalFileSystem(), empty.archive, empty.archive.string() + ".idx", {}, {}));
  }
  nights.run.service.min_ratio = 0.1;
  CHECK(nights.Night().facts.warnings.size() == 1);
}

TEST_CASE("A size that was accepted is the measure from then on") {
  Nights nights;
  nights.Night();
  nights.Empty();
  CHECK(nights.Night().facts.warnings.size() == 1);
  nights.run.service.min_ratio = 0;
  CHECK(nights.Night().facts.warnings.empty());
  nights.run.service.min_ratio = 0.1;
  CHECK(nights.Night().facts.warnings.empty());
  nights.Fill(1 << 20);
  CHECK(nights.Night().facts.warnings.empty());
  nights.Empty();
  CHECK(nights.Night().facts.warnings.size() == 1);
}

TEST_CASE("One of several paths that came up empty is a warning, however little it held") {
  Nights nights;
  std::filesystem::create_directory(nights.run.scratch / "database");
  std::filesystem::create_directory(nights.run.scratch / "spare");
  std::ofstream(nights.run.scratch / "database/rows") << "text";
  for (const char* path : {"database", "spare"})
    nights.run.service.paths.push_back(nights.run.scratch / path);
  CHECK(nights.Night().facts.warnings.empty());
  std::filesystem::remove(nights.run.scratch / "database/rows");
  const auto emptied = nights.Night();
  REQUIRE(emptied.facts.warnings.size() == 1);
  CHECK(emptied.facts.warnings[0].starts_with("its archive holds nothing of " +
                                              nights.run.service.paths[1] + ", which"));
  CHECK(Nights::FactsOf(emptied).shrunk_from);
  CHECK(nights.Night().facts.warnings.size() == 1);
  std::ofstream(nights.run.scratch / "database/rows") << "text";
  CHECK(nights.Night().facts.warnings.empty());
}

TEST_CASE("Far fewer files are a warning though there are as many bytes") {
  Nights nights;
  for (int file = 0; file < 30; ++file)
    std::ofstream(nights.run.scratch / "volume" / std::to_string(file)) << "text";
  nights.Night();
  for (int file = 0; file < 30; ++file)
    std::filesystem::remove(nights.run.scratch / "volume" / std::to_string(file));
  CHECK(nights.Night().facts.warnings.size() == 1);
}

TEST_CASE(
    "A volume of one small file that is empty now is a warning, one of half the size is none") {
  Nights nights;
  nights.Fill(1000);
  nights.Night();
  nights.Fill(500);
  CHECK(nights.Night().facts.warnings.empty());
  nights.Empty();
  CHECK(nights.Night().facts.warnings.size() == 1);
}

TEST_CASE("A volume that no path covers is a warning, found out before the service is stopped") {
  Run run;
  std::filesystem::create_directory(run.scratch / "elsewhere");
  const std::string elsewhere = (run.scratch / "elsewhere").string();
  const std::string covered = (run.scratch / "volume").string();
  run.control.mounts = {{"wiki_db_1", "wiki", "db", {{"", elsewhere, "/db", true}}},
                        {"wiki_web_1", "wiki", "web", {{"", covered, "/web", true}}}};
  size_t asked = 0;
  run.control.on_stop = [&] { asked = run.host.commands().size(); };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find(elsewhere + ", which container wiki_db_1 has as /db") == 0);
  const auto& commands = run.host.commands();
  const auto look = std::find_if(commands.begin(), commands.end(), [](const std::string& command) {
    return command.find("readlink") != std::string::npos;
  });
  CHECK(static_cast<size_t>(look - commands.begin()) < asked);

  const ServiceConfig neighbour = [&] {
    ServiceConfig service;
    service.paths = {elsewhere};
    return service;
  }();
  run.options.neighbours = {&run.service, &neighbour};
  run.control.log.clear();
  CHECK(run.Go().facts.warnings.empty());
  run.options.neighbours.clear();
  run.service.ignore_mounts = {elsewhere};
  CHECK(run.Go().facts.warnings.empty());
}

TEST_CASE("Who else runs is asked before the service is stopped and not while it is down") {
  Run run;
  const auto asked = [&] {
    const auto& commands = run.host.commands();
    return std::count_if(commands.begin(), commands.end(), [](const std::string& command) {
      return command.find("'docker' 'ps' '--quiet'") != std::string::npos;
    });
  };
  std::ptrdiff_t before_stop = -1, before_start = -1;
  run.control.on_stop = [&] { before_stop = asked(); };
  run.control.on_start = [&] { before_start = asked(); };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.warnings.empty());  // whether there is a docker here or none
  CHECK(before_stop == 1);
  CHECK(before_start == 1);
}

TEST_CASE("A disk without room for another archive as large as the last stops no service") {
  Run run;
  const auto last = run.repository() / "wiki-2025-11-16T020000Z.tar.gz";
  std::ofstream(last).flush();
  std::filesystem::resize_file(last, 4 << 20);
  const test::SmallDisk disk(1 << 20);
  const auto outcome = run.Go(disk);
  REQUIRE(outcome.error);
  CHECK(outcome.error->errnum == ENOSPC);
  CHECK(outcome.error->message.find("4.0 MiB") != std::string::npos);
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
}

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

TEST_CASE("A second run within a second gets a name of its own") {
  // Another run takes the name just before this one looks whether it is free: whatever the second.
  class TakenOnce : public test::ForwardingFiles {
   public:
    [[nodiscard]] Result<FileStatus> Status(const std::filesystem::path& path) const override {
      if (taken.empty() && path.filename().string().ends_with(".tar.gz")) {
        taken = path;
        std::ofstream(path) << "another run's";
      }
      return ForwardingFiles::Status(path);
    }
    mutable std::filesystem::path taken;
  };
  Run run;
  const TakenOnce files{};
  const auto outcome = run.Go(files);
  REQUIRE_FALSE(outcome.error);
  REQUIRE_FALSE(files.taken.empty());
  CHECK(outcome.archive != files.taken);
  CHECK(std::filesystem::file_size(outcome.archive) == outcome.archive_bytes);
  std::string text;
  std::getline(std::ifstream(files.taken), text);
  CHECK(text == "another run's");
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

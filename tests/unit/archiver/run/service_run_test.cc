#include "archiver/run/service_run.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <mutex>
#include <thread>

#include "archiver/outcome/service_outcome.h"
#include "index/rebuild/rebuild.h"
#include "index/repository/archive_name.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/catch.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/noise.h"
#include "tests/support/services/precopy_service.h"
#include "tests/unit/archiver/run/service_run_scene.h"

namespace orcio {

using namespace test;

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

}  // namespace orcio

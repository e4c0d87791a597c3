// Services that take with them, when they stop, what they keep: what docker has mounted for them,
// and what a mount unit ties to them.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "index/repository/archive_name.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/mountinfo_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

namespace orcio {
namespace {

namespace fs = std::filesystem;

// A service with a file, and a disk of its own below its path with another one.
struct DiskBelow {
  test::ScratchDirectory scratch;
  ServiceConfig service;
  test::MountinfoHost host{scratch / "mountinfo"};
  test::FakeControl control;
  ServiceRunOptions options;
  RunObserver observer;
  int made = 0;

  DiskBelow() {
    fs::create_directory(repository());
    fs::create_directories(disk());
    std::ofstream(volume() / "page", std::ios::binary) << test::Noise(300'000, 1);
    std::ofstream(disk() / "rows", std::ios::binary) << test::Noise(700'000, 2);
    service.name = "wiki";
    service.host = "localhost";
    service.paths = {volume()};
    service.min_ratio = 0.1;
    Mount();
  }
  [[nodiscard]] fs::path repository() const { return scratch / "repository"; }
  [[nodiscard]] fs::path volume() const { return scratch / "volume"; }
  [[nodiscard]] fs::path disk() const { return scratch / "volume/disk"; }
  void Mount() const { host.SetMounts({"/ " + disk().string() + " rw - ext4 /dev/sdb1 rw"}); }
  void Unmount() const {
    host.SetMounts({});
    fs::remove(disk() / "rows");
  }
  ServiceOutcome Go() {
    control.log.clear();
    return RunService({service, LocalFileSystem(), repository(), options, observer}, host, control,
                      {});
  }
  // A run whose archive becomes that of an earlier night.
  ServiceOutcome Night() {
    auto outcome = Go();
    INFO((outcome.error ? outcome.error->message : ""));
    REQUIRE_FALSE(outcome.error);
    const std::string name = MakeArchiveName("wiki", 1'700'000'000 + ++made * 86400);
    for (const char* end : {"", ".idx"})
      fs::rename(outcome.archive.string() + end, (repository() / name).string() + end);
    outcome.archive = repository() / name;
    return outcome;
  }
  static RunFacts FactsOf(const ServiceOutcome& outcome) {
    return ValueOf(
        ValueOf(Sidecar::Open(LocalFileSystem(), outcome.archive.string() + ".idx"))->facts());
  }
  void CheckNoArchive(const ServiceOutcome& outcome, const std::string& cause) const {
    REQUIRE(outcome.error);
    INFO(outcome.error->message);
    CHECK(outcome.error->kind == ErrorKind::kRemote);
    CHECK(outcome.error->message.find(cause) != std::string::npos);
    CHECK_FALSE(outcome.start_error);
    CHECK(control.log == std::vector<std::string>{"inspect", "stop", "start"});
    CHECK(fs::is_empty(repository()));
  }
};

}  // namespace

TEST_CASE("A path that is empty once its service is stopped makes no archive") {
  DiskBelow run;
  run.service.paths = {run.volume(), run.scratch / "data"};
  fs::create_directory(run.scratch / "data");
  std::ofstream(run.scratch / "data/rows") << "text";
  run.service.wire = GENERATE(Wire::kNone, Wire::kGzip);
  run.service.mode = GENERATE(Mode::kStop, Mode::kPrecopy);
  // As an unmounted one is: another directory.
  run.control.on_stop = [&] {
    fs::rename(run.scratch / "data", run.scratch / "disk");
    fs::create_directory(run.scratch / "data");
  };
  const auto outcome = run.Go();
  run.CheckNoArchive(outcome, (run.scratch / "data").string() + " held something before");
  CHECK(outcome.error->message.find("is another directory now, an empty one") != std::string::npos);
  CHECK(outcome.error->message.find("deletes it and makes it anew, write `min_ratio: 0`") !=
        std::string::npos);
  // With all of it there, it is archived, and only one call stands between stop and start.
  std::ofstream(run.scratch / "data/rows") << "text";
  size_t stopped = 0;
  size_t started = 0;
  run.control.on_stop = [&] { stopped = run.host.commands().size(); };
  run.control.on_start = [&] { started = run.host.commands().size(); };
  run.service.mode = Mode::kStop;
  CHECK_FALSE(run.Go().error);
  CHECK(started == stopped + 1);
}

TEST_CASE("A path that its service empties is archived without a word") {
  DiskBelow run;
  run.service.paths = {run.volume(), run.scratch / "sockets"};
  fs::create_directory(run.scratch / "sockets");
  for (int night = 0; night < 2; ++night) {
    std::ofstream(run.scratch / "sockets/pid") << "1";
    run.control.on_stop = [&] { fs::remove(run.scratch / "sockets/pid"); };
    CHECK(run.Night().facts.warnings.empty());
  }
}

TEST_CASE("A mount below a path that goes with the service is a warning and a shrunk archive") {
  DiskBelow run;
  if (GENERATE(false, true)) run.Night();
  run.control.on_stop = [&] { run.Unmount(); };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  INFO(outcome.facts.warnings[0]);
  CHECK(outcome.facts.warnings[0].find("mounted on " + run.disk().string() + ", which went") !=
        std::string::npos);
  CHECK(DiskBelow::FactsOf(outcome).shrunk_from.has_value());
}

// The last good archives gave way to those without its data, night by night.
TEST_CASE("A bind mount that goes is a shrunk archive though the host has it elsewhere") {
  DiskBelow run;
  const std::string disk = run.disk().string();
  run.host.SetMounts({"8:1 /etc/wiki " + disk + " rw - ext4 /dev/sda1 rw"});
  run.control.on_stop = [&] { run.Unmount(); };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find("/etc/wiki: add that to `paths:`") != std::string::npos);
  CHECK(DiskBelow::FactsOf(outcome).shrunk_from.has_value());
}

TEST_CASE("A bind mount that goes is nothing to a service that ignores it") {
  DiskBelow run;
  const std::string disk = run.disk().string();
  run.host.SetMounts({"8:1 /etc/wiki " + disk + " rw - ext4 /dev/sda1 rw"});
  run.control.on_stop = [&] { run.Unmount(); };
  std::string said;
  SECTION("by its place") {
    run.service.ignore_mounts = {disk};
  }
  SECTION("or as any size will do") {
    run.service.min_ratio = 0;
    said = "/etc/wiki: add that to `paths:`";
  }
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  CHECK_FALSE(DiskBelow::FactsOf(outcome).shrunk_from);
  REQUIRE(outcome.facts.warnings.size() == (said.empty() ? 0 : 1));
  if (said.empty()) return;
  CHECK(outcome.facts.warnings[0].find(said) != std::string::npos);
  CHECK(outcome.facts.warnings[0].find("`keep:`") == std::string::npos);
}

TEST_CASE("A mount on a path that goes with the service makes no archive") {
  DiskBelow run;
  run.service.min_ratio = GENERATE(0.1, 0.0);
  run.service.paths = {run.disk()};
  run.control.on_stop = [&] { run.Unmount(); };
  run.CheckNoArchive(run.Go(), "what was mounted on " + run.disk().string());
}

TEST_CASE("A service to which any size will do may be empty once it is stopped") {
  DiskBelow run;
  run.host.SetMounts({});
  run.service.min_ratio = 0;
  run.control.on_stop = [&] { fs::remove_all(run.disk()), fs::remove(run.volume() / "page"); };
  CHECK_FALSE(run.Go().error);
}

// What the message says cures it.
TEST_CASE("A path that its service makes anew is archived if any size will do or it is left out") {
  DiskBelow run;
  run.host.SetMounts({});
  const auto makes_anew = [](const fs::path& path) {
    fs::rename(path, path.string() + ".old");
    fs::create_directory(path);
    fs::remove_all(path.string() + ".old");
  };
  SECTION("any size") {
    run.service.min_ratio = 0;
    run.control.on_stop = [&] { makes_anew(run.volume()); };
  }
  SECTION("left out below another path") {
    run.service.exclude = {"disk"};
    run.control.on_stop = [&] { makes_anew(run.disk()); };
  }
  const auto outcome = run.Go();
  INFO((outcome.error ? outcome.error->message : ""));
  CHECK_FALSE(outcome.error);
  CHECK(outcome.facts.warnings.empty());
}

TEST_CASE("A service that is not stopped is looked at once") {
  DiskBelow run;
  run.control.running.clear();
  CHECK_FALSE(run.Go().error);
  const auto& commands = run.host.commands();
  CHECK(std::none_of(commands.begin(), commands.end(), [](const std::string& command) {
    return command.find("orcio-lost") != std::string::npos;
  }));
}

// 30 % of the tar is more than a tenth: exit 0, and the disk with the rest was not mounted.
TEST_CASE("A disk below a path that is not mounted is a warning, however much else there is") {
  DiskBelow nights;
  const auto good = nights.Night();
  CHECK(good.facts.warnings.empty());
  CHECK(DiskBelow::FactsOf(good).mounts == std::vector<std::string>{nights.disk().string()});
  nights.Unmount();
  for (int night = 0; night < 3; ++night) {
    const auto bad = nights.Night();
    REQUIRE(bad.facts.warnings.size() == 1);
    INFO(bad.facts.warnings[0]);
    CHECK(bad.facts.warnings[0].starts_with("nothing is mounted on " + nights.disk().string()));
    const auto facts = DiskBelow::FactsOf(bad);
    REQUIRE(facts.shrunk_from);
    CHECK(facts.shrunk_from->entries == 4);
    CHECK(facts.mounts.empty());
  }
  // Once it is mounted again, all is well; as it is once somebody says so.
  nights.Mount();
  std::ofstream(nights.disk() / "rows", std::ios::binary) << test::Noise(700'000, 2);
  CHECK(nights.Night().facts.warnings.empty());
  nights.Unmount();
  nights.service.min_ratio = 0;
  CHECK(nights.Night().facts.warnings.empty());
  nights.service.min_ratio = 0.1;
  CHECK(nights.Night().facts.warnings.empty());
}

// A database that finds its directory empty begins a new one there.
TEST_CASE("A disk is missed whatever has filled its place until somebody says that it is right") {
  DiskBelow nights;
  nights.Night();
  nights.Unmount();
  std::ofstream(nights.disk() / "rows") << "none yet";
  for (int night = 0; night < 2; ++night) CHECK(nights.Night().facts.warnings.size() == 1);
  nights.service.min_ratio = 0;
  nights.Night();
  nights.service.min_ratio = 0.1;
  CHECK(nights.Night().facts.warnings.empty());
}

TEST_CASE("A disk that is mounted on demand by now or that is to be ignored is not missed") {
  DiskBelow nights;
  const std::string disk = nights.disk().string();
  nights.Night();
  SECTION("an automount") {
    nights.Unmount();
    nights.host.SetMounts({"/ " + disk + " rw - autofs x rw"});
  }
  SECTION("ignored") {
    nights.Unmount();
    nights.service.ignore_mounts = {disk};
  }
  CHECK(nights.Night().facts.warnings.empty());
}

TEST_CASE("A mount that held nothing or that is left out by now is not missed") {
  DiskBelow nights;
  SECTION("empty") {
    fs::remove(nights.disk() / "rows");
    nights.Night();
    nights.host.SetMounts({});
  }
  SECTION("excluded") {
    nights.Night();
    nights.host.SetMounts({});
    nights.service.exclude = {"disk/*"};
  }
  CHECK(nights.Night().facts.warnings.empty());
}

TEST_CASE(
    "A service of which there is nothing but empty paths is warned of until somebody agrees") {
  DiskBelow nights;
  nights.service.paths = {nights.scratch / "a", nights.scratch / "b"};
  for (const auto& path : nights.service.paths) fs::create_directory(path);
  for (int night = 0; night < 2; ++night) {
    const auto empty = nights.Night();
    REQUIRE(empty.facts.warnings.size() == 1);
    CHECK(empty.facts.warnings[0].starts_with("its archive holds nothing but the empty"));
    CHECK(empty.facts.warnings[0].find(nights.service.paths[1]) != std::string::npos);
  }
  nights.service.min_ratio = 0;
  CHECK(nights.Night().facts.warnings.empty());
  nights.service.min_ratio = 0.1;
  CHECK(nights.Night().facts.warnings.empty());
}

}  // namespace orcio

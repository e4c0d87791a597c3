// `mode: pause` and `mode: live` with nothing replaced: the program, a real sshd, a real dockerd,
// and a tar that waits for as long as a test wants.

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

DockerdFixture& Dockerd() {
  static DockerdFixture dockerd;
  return dockerd;
}

bool Await(const std::function<bool()>& condition,
           std::chrono::seconds limit = std::chrono::seconds(60)) {
  for (const auto end = Clock::now() + limit; Clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return condition();
}

std::string FirstLine(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// db and web run, job does not.
class Night {
 public:
  explicit Night(const std::string& keys)
      : project(Dockerd(), "wiki"), orcio(BuiltProgram(), "SetEnv PATH=" + Path() + "\n") {
    // The one tar that reads the volume (no sample is taken) says so, and then waits.
    std::ofstream(bin_ / "tar") << "#!/bin/sh\ncase \"$*\" in *" << project.volume().string()
                                << "* | *" << project.volume().string().substr(1) << "*)\n: >"
                                << (bin_ / "reading").string() << "\nwhile [ -e "
                                << (bin_ / "hold").string()
                                << " ]; do sleep 0.05; done\nesac\nexec /usr/bin/env PATH="
                                << std::getenv("PATH") << " tar \"$@\"\n";
    fs::permissions(bin_ / "tar", fs::perms::owner_all);
    orcio.Configure("  wiki:\n    host: workshop\n    wire: none\n    paths: ['" +
                    project.volume().string() + "']\n" + keys);
    for (const char* service : {"db", "web"}) begun_ += project.Of(service, ".State.StartedAt");
  }

  // Runs in the background until it reads the volume.
  std::unique_ptr<BackgroundCommand> ArchiveUntilItReads() {
    std::ofstream(bin_ / "hold").flush();
    auto run = std::make_unique<BackgroundCommand>(
        std::vector<std::string>{orcio.program(), "-c", orcio.config().string(), "archive"}, log());
    REQUIRE(Await([&] { return fs::exists(bin_ / "reading"); }));
    return run;
  }
  void LetItRead() const { fs::remove(bin_ / "hold"); }

  [[nodiscard]] bool AreBoth(const std::string& state) const {
    return project.State("db") == state && project.State("web") == state;
  }
  // They run, and were never told to stop or started: they went on.
  void CheckWentOn() const {
    CHECK(AreBoth("running"));
    CHECK(project.State("job") == "exited");
    std::string begun;
    for (const char* service : {"db", "web"}) begun += project.Of(service, ".State.StartedAt");
    CHECK(begun == begun_);
    CHECK(project.Lines("ends").empty());
    CHECK(project.Lines("starts").size() == 2);
    const auto counter = FirstLine(project.volume() / "web.1");
    CHECK(Await([&] { return FirstLine(project.volume() / "web.1") != counter; }));
  }
  [[nodiscard]] bool HasJournal() const { return fs::exists(orcio.repository() / ".wiki.journal"); }
  [[nodiscard]] fs::path log() const { return orcio.scratch() / "log"; }
  [[nodiscard]] std::string Said() const {
    std::ifstream in(log());
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  [[nodiscard]] std::string Path() const {
    return bin_.path().string() + ":" +
           Dockerd().Environment(DockerdFixture::Compose::kNone).at("PATH");
  }
  ScratchDirectory bin_;
  std::string begun_;

 public:
  ComposeProject project;
  OrcioFixture orcio;
};

}  // namespace

TEST_CASE("A paused project holds still while it is read, and goes on") {
  Night night("    mode: pause\n");
  const auto run = night.ArchiveUntilItReads();
  CHECK(night.AreBoth("paused"));
  CHECK(night.project.State("job") == "exited");
  // Docker says so of whatever it pauses: the administrator's guide warns of what acts on it.
  CHECK(night.project.Of("db", ".State.Health.Status") == "unhealthy");
  const std::string count = FirstLine(night.project.volume() / "web.1");
  night.LetItRead();
  INFO(night.Said());
  REQUIRE(run->Wait() == 0);
  night.CheckWentOn();
  CHECK_FALSE(night.HasJournal());

  const auto restored = night.orcio.scratch() / "restored";
  fs::create_directory(restored);
  MustRun({"tar", "-xf", night.orcio.OnlyArchive(), "-C", restored});
  const auto volume = restored / night.project.volume().relative_path();
  // As it stood: it may have been between the two, and was not told to end.
  CHECK(FirstLine(volume / "web.1") == count);
  CHECK_FALSE(fs::exists(volume / "web.end"));

  CHECK(night.orcio.Run({"list"}).out.find("complete, paused") != std::string::npos);
  const auto json = nlohmann::json::parse(night.orcio.Run({"--json", "list"}).out);
  CHECK(json["archives"][0]["mode"] == "pause");
  const auto seconds = json["archives"][0]["downtime"]["seconds"].get<double>();
  CHECK(seconds > 0);

  // What the next run may take.
  const auto plan = nlohmann::json::parse(night.orcio.Run({"--json", "archive", "--dry-run"}).out);
  CHECK(plan["estimate"]["date"] == json["archives"][0]["date"]);
  CHECK(plan["estimate"]["downtime"]["seconds"].get<double>() == seconds);
  CHECK(plan["estimate"]["tar_bytes_per_second"].get<double>() > 0);
}

TEST_CASE(
    "A project that orcio was killed over is unpaused by its guard, and recover finds it up") {
  Night night("    mode: pause\n    guard: 15s\n");
  const auto run = night.ArchiveUntilItReads();
  REQUIRE(night.AreBoth("paused"));
  CHECK(run->End(SIGKILL) == 128 + SIGKILL);
  CHECK(Await([&] { return night.AreBoth("running"); }));
  night.CheckWentOn();
  CHECK(night.HasJournal());
  const Ended recovered = night.orcio.Run({"recover"});
  INFO(recovered.err);
  CHECK(recovered.status == 0);
  night.CheckWentOn();
  CHECK(night.orcio.RepositoryNames().size() == 1);  // what was killed; the next run removes it
  CHECK_FALSE(night.HasJournal());
}

TEST_CASE("Without a guard, recover unpauses what a killed run has left") {
  Night night("    mode: pause\n    guard: none\n");
  const auto run = night.ArchiveUntilItReads();
  CHECK(run->End(SIGKILL) == 128 + SIGKILL);
  night.LetItRead();
  REQUIRE(night.AreBoth("paused"));
  // The mode by which it was held counts, whatever the configuration has by now.
  night.orcio.Configure("  wiki:\n    host: workshop\n    mode: stop\n    paths: ['" +
                        night.project.volume().string() + "']\n");
  const Ended recovered = night.orcio.Run({"recover"});
  INFO(recovered.err);
  CHECK(recovered.status == 0);
  night.CheckWentOn();
  CHECK_FALSE(night.HasJournal());
}

TEST_CASE("A link that breaks, or orcio interrupted, leaves no container paused and no archive") {
  Night night("    mode: pause\n    guard: 15s\n");
  const auto run = night.ArchiveUntilItReads();
  int status = 130;
  SECTION("interrupted") {
    CHECK(run->End(SIGINT) == status);
  }
  SECTION("cut") {
    night.orcio.sshd().SignalSessions(SIGKILL);
    status = run->Wait();
    CHECK((status == 1 || status == 12));
  }
  INFO(night.Said());
  CHECK_FALSE(night.HasJournal());
  night.CheckWentOn();
  CHECK(night.orcio.RepositoryNames().empty());
}

TEST_CASE("A container that somebody unpauses or stops while it is read fails the run") {
  const std::string verb = GENERATE("unpause", "stop");
  CAPTURE(verb);
  Night night("    mode: pause\n");
  const auto run = night.ArchiveUntilItReads();
  Dockerd().Docker({verb, night.project.Container("web")});
  night.LetItRead();
  CHECK(run->Wait() == 1);
  CHECK(night.Said().find("wiki_web_1 did not stay paused while its volumes were read") !=
        std::string::npos);
  CHECK(night.AreBoth("running"));
  CHECK_FALSE(night.HasJournal());
  CHECK(night.orcio.RepositoryNames().empty());
  // What it does of its own is to be seen: it was unpaused to be stopped.
  CHECK(night.project.Lines("ends").size() == (verb == "stop" ? 1 : 0));
}

TEST_CASE("A service read live is left alone, what changed is a warning, and list says so") {
  Night night("    mode: live\n");
  const auto log = night.project.volume() / "log";
  MustRunShell("head -c 8M /dev/urandom >" + log.string());
  const auto run = night.ArchiveUntilItReads();
  CHECK(night.AreBoth("running"));
  CHECK_FALSE(night.HasJournal());
  std::jthread writer([&](const std::stop_token& over) {
    std::ofstream out(log, std::ios::app);
    while (!over.stop_requested()) out << "line\n" << std::flush;
  });
  night.LetItRead();
  CHECK(run->Wait() == 3);
  writer.request_stop();
  CHECK(night.Said().find("changed") != std::string::npos);
  night.CheckWentOn();

  CHECK(night.orcio.Run({"list"}).out.find("complete, live") != std::string::npos);
  const auto json = nlohmann::json::parse(night.orcio.Run({"--json", "list"}).out);
  CHECK(json["archives"][0]["mode"] == "live");
  CHECK_FALSE(json["archives"][0].contains("downtime"));
  CHECK_FALSE(json["archives"][0]["warnings"].empty());
}

TEST_CASE("dry-run says what would be paused, and pauses nothing") {
  const Night night("    mode: pause\n");
  const Ended ended = night.orcio.Run({"archive", "--dry-run"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.out.find("would pause wiki_web_1, wiki_db_1") != std::string::npos);
  CHECK(ended.out.find("and unpause it") != std::string::npos);
  night.CheckWentOn();
}

// It printed the plan, exit 0, and the run that followed warned.
TEST_CASE("dry-run warns of a volume that no path covers, and exits as the run would") {
  const Night night("    mode: pause\n");
  const ScratchDirectory elsewhere;
  const auto configure = [&](const std::string& keys) {
    night.orcio.Configure(
        "  wiki:\n    host: workshop\n    wire: none\n    mode: pause\n    paths: ['" +
        elsewhere.path().string() + "']\n" + keys);
  };
  configure("");
  const Ended ended = night.orcio.Run({"archive", "--dry-run"});
  INFO(ended.out + ended.err);
  CHECK(ended.status == 3);
  CHECK(ended.out.find("would pause wiki_web_1, wiki_db_1") != std::string::npos);
  CHECK(ended.err.find("wiki on workshop: " + night.project.volume().string() + ", which ") !=
        std::string::npos);
  CHECK(ended.err.find("is in no service's paths: it is not archived") != std::string::npos);
  const Ended told = night.orcio.Run({"--json", "archive", "--dry-run"});
  CHECK(told.status == 3);
  CHECK(nlohmann::json::parse(told.out).at("warnings").size() == 1);
  configure("    ignore_mounts: ['" + night.project.volume().string() + "']\n");
  CHECK(night.orcio.Run({"archive", "--dry-run"}).status == 0);
  night.CheckWentOn();
}

}  // namespace orcio::test

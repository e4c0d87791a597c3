#include "archiver/control/pause_control.h"

#include "archiver/safety/run_journal.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_docker.h"

namespace orcio {
namespace {

using test::FakeDocker;
using test::FakeHost;

constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                             std::chrono::milliseconds(1)};

// What comes up is seen to be up within this, however long this process has to wait for its turn.
constexpr std::chrono::seconds kLong{30};
// For what is not to come up before it is over.
constexpr std::chrono::seconds kShort{1};

ServiceConfig Wiki(std::chrono::seconds start_timeout = kLong) {
  ServiceConfig service;
  service.name = service.project = "wiki";
  service.host = "atena";
  service.mode = Mode::kPause;
  service.start_timeout = start_timeout;
  return service;
}

FakeDocker::Container Db() {
  return {.id = "1", .service = "db", .depends_on = "", .health = "healthy"};
}
FakeDocker::Container Web() {
  return {.id = "2", .service = "web", .depends_on = "db:service_started:true"};
}
FakeDocker::Container StoppedJob() {
  return {.id = "3", .service = "job", .status = "exited", .depends_on = ""};
}

// A project whose db and web run, and what pauses it.
struct Run {
  FakeHost host;
  FakeDocker docker{host, {Db(), Web(), StoppedJob()}};
  PauseControl control;

  explicit Run(std::chrono::seconds start_timeout = kLong, const StartTiming& patience = kQuick)
      : control(Wiki(start_timeout), patience) {}
  Result<void> Pause() {
    ORCIO_TRY(control.Inspect(host, {}));
    return control.Stop(host, {});
  }
  Result<void> Start() { return control.Start(host, {}); }
  [[nodiscard]] bool StoppedAny() const {
    return host.Count("docker stop") + host.Count("docker start") != 0;
  }
};

void CheckSays(const Result<void>& result, ErrorKind kind, const std::string& words) {
  REQUIRE_FALSE(result);
  INFO(result.error().message);
  CHECK(result.error().kind == kind);
  CHECK(result.error().message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE(
    "What runs is paused by its dependencies and goes on, and nothing is stopped or started") {
  Run run;
  REQUIRE_OK(run.Pause());
  CHECK(run.control.Running() == std::vector<std::string>{"wiki_web_1", "wiki_db_1"});
  CHECK(run.docker.paused == "21");
  REQUIRE_OK(run.control.ConfirmAtRest(run.host, {}));
  REQUIRE_OK(run.Start());
  CHECK(run.docker.unpaused == "12");
  CHECK(run.docker.started.empty());
  CHECK(run.docker.Of("job").status == "exited");
  CHECK_FALSE(run.StoppedAny());
}

TEST_CASE("A container that does not freeze at once is asked again, for a while") {
  Run run;
  SECTION("and freezes") {
    run.docker.Of("web").freezes = 3;
    REQUIRE_OK(run.Pause());
    CHECK(run.docker.paused == "12");
  }
  SECTION("and never does") {
    run.docker.Of("web").freezes = 1000;
    CheckSays(run.Pause(), ErrorKind::kRemote, "docker does not pause wiki_web_1");
    REQUIRE_OK(run.Start());
    CHECK(run.docker.unpaused == "1");
  }
}

TEST_CASE("What cannot be paused, or put back, is refused before anything is paused") {
  Run run;
  SECTION("a container in a restart loop") {
    run.docker.Of("web").status = "restarting";
    CheckSays(run.Pause(), ErrorKind::kRemote, "wiki_web_1 keeps restarting");
  }
  SECTION("a container that is paused already") {
    run.docker.Of("web").status = "paused";
    CheckSays(run.Pause(), ErrorKind::kRemote, "docker unpause wiki_web_1");
  }
  CHECK(run.docker.paused.empty());
}

TEST_CASE("A container that ends before it is paused is at rest, and started again") {
  Run run;
  REQUIRE_OK(run.control.Inspect(run.host, {}));
  run.docker.Of("web").status = "exited";
  REQUIRE_OK(run.control.Stop(run.host, {}));
  CHECK(run.docker.paused == "1");
  REQUIRE_OK(run.control.ConfirmAtRest(run.host, {}));
  run.docker.Of("db").health = "healthy";  // as its next check finds
  REQUIRE_OK(run.Start());
  CHECK(run.docker.unpaused == "1");
  CHECK(run.docker.started == "2");
}

TEST_CASE("A container that does not stay paused while its volumes are read is noticed") {
  Run run;
  REQUIRE_OK(run.Pause());
  std::string words;
  SECTION("unpaused") {
    run.docker.Of("web").status = "running";
    words = "wiki_web_1 did not stay paused";
  }
  SECTION("ended") {
    run.docker.Of("web").status = "exited";
    words = "wiki_web_1 did not stay paused";
  }
  SECTION("gone") {
    run.docker.containers.erase(run.docker.containers.begin() + 1);
    words = "wiki_web_1 did not stay paused";
  }
  SECTION("started anew") {
    run.docker.Of("web").status = "running";
    run.docker.Of("web").started = "2026-01-03T00:00:00Z";
    words = "wiki_web_1 was started";
  }
  SECTION("another one of the project") {
    run.docker.Of("job").started = "2026-01-03T00:00:00Z";
    words = "wiki_job_1 was started";
  }
  CheckSays(run.control.ConfirmAtRest(run.host, {}), ErrorKind::kRemote, words);
}

TEST_CASE("A container started again before it was paused is at rest") {
  Run run;
  REQUIRE_OK(run.control.Inspect(run.host, {}));
  run.docker.Of("web").started = "2026-01-03T00:00:00Z";
  REQUIRE_OK(run.control.Stop(run.host, {}));
  REQUIRE_OK(run.control.ConfirmAtRest(run.host, {}));
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started.empty());
}

TEST_CASE("A host that was started anew has what was paused started, and only that") {
  // Which must be where it was.
  const bool healthy = GENERATE(true, false);
  CAPTURE(healthy);
  Run run(healthy ? kLong : kShort);
  REQUIRE_OK(run.Pause());
  for (const char* service : {"db", "web"}) run.docker.Of(service).status = "exited";
  if (healthy) {
    run.docker.Of("db").health = "healthy";
    REQUIRE_OK(run.Start());
  } else {
    CheckSays(run.Start(), ErrorKind::kNotRunning, "health check says unhealthy");
  }
  CHECK(run.docker.started == "12");
  CHECK(run.docker.Of("job").status == "exited");
}

TEST_CASE("A pause that the link cut short may come late, and does not last") {
  // So long that no look comes after it.
  Run run(kLong,
          {std::chrono::milliseconds(1), std::chrono::hours(1), std::chrono::milliseconds(1)});
  REQUIRE_OK(run.control.Inspect(run.host, {}));
  run.host.On("docker pause", [](const std::string&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "cut");
  });
  CheckSays(run.control.Stop(run.host, {}), ErrorKind::kNetwork, "cut");
  // The daemon comes to web once orcio has found both running.
  int looks = 0;
  std::stop_source enough;
  run.docker.on_inspect = [&] {
    if (++looks == 2) run.docker.Of("web").status = "paused";
    if (looks == 4) enough.request_stop();
  };
  const auto started = run.control.Start(run.host, enough.get_token());
  CheckSays(started, ErrorKind::kCancelled, "interrupted");
  CHECK(run.docker.unpaused == "2");
  CHECK(run.docker.Of("web").status == "running");
}

TEST_CASE("A container that docker does not unpause is not confirmed running") {
  Run run(kShort);
  REQUIRE_OK(run.Pause());
  run.host.On("docker unpause", "", 1, "cannot thaw\n");
  CheckSays(run.Start(), ErrorKind::kNotRunning, "wiki_db_1 is still paused: cannot thaw");
}

TEST_CASE("What docker thinks of a paused container's health is not waited for") {
  Run run;
  REQUIRE_OK(run.Pause());
  CHECK(run.docker.Of("db").health == "unhealthy");
  REQUIRE_OK(run.Start());
}

TEST_CASE("Another process unpauses what a journal says was paused") {
  Run run;
  REQUIRE_OK(run.Pause());
  const test::ScratchDirectory repository;
  RunJournal journal;
  journal.service = Wiki();
  journal.memory = run.control.Memory();
  REQUIRE_OK(WriteJournal(LocalFileSystem(), repository.path(), journal));
  const auto read = ValueOf(ReadJournal(LocalFileSystem(), JournalPath(repository.path(), "wiki")));
  CHECK(read.service.mode == Mode::kPause);

  PauseControl other(read.service, kQuick);
  REQUIRE_OK(other.Recall(read.memory));
  CHECK(other.Running() == run.control.Running());
  REQUIRE_OK(other.Start(run.host, {}));
  CHECK(run.docker.unpaused == "12");
  CHECK(run.docker.started.empty());
}

TEST_CASE("Nothing is looked for on the host of a service that is read live") {
  auto service = Wiki();
  service.mode = Mode::kLive;
  const auto control = MakeServiceControl(service);
  FakeHost host;
  REQUIRE_OK(control->Inspect(host, {}));
  CHECK(control->Running().empty());
  CHECK(host.commands.empty());
}

}  // namespace orcio

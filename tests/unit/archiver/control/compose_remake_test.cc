// Containers that somebody removes while their service is stopped, and that compose makes anew.

#include "archiver/docker/compose_remake.h"

#include <optional>
#include <string>
#include <vector>

#include "archiver/control/compose_control.h"
#include "archiver/host/remote_text.h"
#include "tests/support/catch.h"
#include "tests/support/services/compose_run.h"

namespace orcio {
namespace {

using test::Db;
using test::FakeDocker;
using test::FakeHost;
using test::kQuick;
using test::StoppedJob;
using test::Web;
using test::Wiki;
using Run = test::ComposeRun;

// As `docker system prune` does.
void Prune(FakeDocker& docker) {
  std::erase_if(docker.containers, [](const FakeDocker::Container& container) {
    return container.status == "exited";
  });
}

// What compose is to make anew: db and web, of which it starts none.
void MakesAnew(Run& run) {
  run.host.On(" up --no-start", [&run](const std::string&) -> Result<CommandResult> {
    CHECK(run.docker.containers.empty());
    for (auto container : {Db(), Web()}) {
      container.id = container.service == "db" ? "7" : "8";
      container.status = "created";
      container.started = "0001-01-01T00:00:00Z";
      run.docker.containers.push_back(container);
    }
    return CommandResult{};
  });
}

constexpr const char* kUp =
    "--project-directory /opt/wiki --file /opt/wiki/docker-compose.yml up --no-start --no-build "
    "--no-deps --no-recreate ";
constexpr const char* kBoth = "--scale db=1 --scale web=1 db web";

}  // namespace

// The service was left down: exit 20, "run `docker compose up -d`".
TEST_CASE("Containers that were removed while stopped are made anew by compose and started") {
  Run run({Db(), Web(), StoppedJob()});
  std::string line = std::string("cd / && docker compose --project-name wiki --profile * ") + kUp +
                     "--pull never " + kBoth;
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  SECTION("version 2") {}
  SECTION("version 1") {
    run.docker.HasCompose("program", "docker-compose version 1.25.0, build unknown");
    line = std::string("cd / && docker-compose --project-name wiki ") + kUp + kBoth;
  }
  MakesAnew(run);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  Prune(run.docker);
  std::optional<ComposeControl> other;
  SECTION("by the run itself") {}
  SECTION("by a process that recalls it") {
    other.emplace(Wiki(), kQuick);
    REQUIRE_OK(other->Recall(run.control.Memory()));
  }
  ComposeControl& control = other ? *other : run.control;
  REQUIRE_OK(control.Start(run.host, {}));
  CHECK(run.docker.started == "78");
  CHECK(run.host.Count(line) == 1);
  const auto warnings = ValueOf(control.LookAgain(run.host, {}));
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with("containers wiki_db_1, wiki_web_1 were removed while stopped"));
  CHECK(warnings[0].find("image") == std::string::npos);
  REQUIRE_OK(control.JudgeAfterStart(run.host, {}));
}

TEST_CASE("Compose makes anew what is gone of a service, and keeps as many as there are") {
  auto second = Web();
  second.id = "4";
  second.number = "2";
  auto ended = Web();
  ended.id = "5";
  ended.number = "3";
  ended.status = "exited";
  Run run({Db(), Web(), second, ended});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  auto gone = run.docker.Of("web", "2");
  std::erase_if(run.docker.containers, [](const auto& container) { return container.id == "4"; });
  run.host.On(" up --no-start", [&](const std::string&) -> Result<CommandResult> {
    gone.id = "9";
    gone.status = "created";
    run.docker.containers.push_back(gone);
    return CommandResult{};
  });
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count("--no-recreate --pull never --scale web=3 web") == 1);
  CHECK(run.docker.Of("web", "2").status == "running");
  CHECK(run.docker.Of("web", "3").status == "exited");
}

TEST_CASE("A compose that does not know of --pull makes containers anew without it") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.1.0");
  MakesAnew(run);
  run.host.On("--pull never", "", 16, "unknown flag: --pull\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  Prune(run.docker);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count(std::string(kUp) + kBoth) == 1);
  CHECK(run.docker.started == "78");
}

// Web waited for up to an hour, as the lot was asked for again and again.
TEST_CASE("A compose that hangs over what is gone keeps nothing else down and is asked once") {
  auto cache = Db();
  cache.id = "4";
  cache.service = "cache";
  FakeHost host;
  FakeDocker docker(host, {cache, Db(), Web()});
  auto patience = kQuick;
  patience.make_limit = std::chrono::seconds(0);
  const bool slow = GENERATE(true, false);
  if (!slow) patience.make_limit = std::chrono::hours(1);
  ComposeControl control(Wiki(), patience);
  docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  host.On(" up --no-start", [](const std::string&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "a command did not end");
  });
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  std::erase_if(docker.containers, [](const auto& container) { return container.id == "1"; });
  auto started = control.Start(host, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == (slow ? ErrorKind::kNotRunning : ErrorKind::kNetwork));
  if (slow) {
    CHECK(started.error().message.find("docker compose up did not end within 0 s") !=
          std::string::npos);
    CHECK(docker.Of("cache").status == "running");
    CHECK(docker.Of("web").status == "running");
  }
  // A link that broke says nothing of compose.
  CHECK_FALSE(control.Start(host, {}));
  CHECK(host.Count(" up --no-start") == (slow ? 1U : 2U));
}

// Version 2 goes on from the highest number, or begins with 1 again: each `orcio recover` had it
// make one more.
TEST_CASE("Containers that compose makes anew under other numbers are the ones that run") {
  auto web = Web();
  web.number = "7";
  auto ended = Web();
  ended.id = "4";
  ended.number = "9";
  ended.status = "exited";
  Run run({Db(), web, ended});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.host.On(" up --no-start", [&](const std::string&) -> Result<CommandResult> {
    auto made = Web();
    made.id = "8";
    made.number = "1";
    made.status = "created";
    made.started = "0001-01-01T00:00:00Z";
    run.docker.containers.push_back(made);
    return CommandResult{};
  });
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  std::erase_if(run.docker.containers, [](const auto& container) { return container.id == "2"; });
  SECTION("by the run itself") {
    REQUIRE_OK(run.Start());
  }
  SECTION("by a process that recalls it after one that gave up") {
    run.docker.Of("db").starts = false;
    REQUIRE_FALSE(run.Start());
    run.docker.Of("web", "1").status = "exited";
    run.docker.Of("db").starts = true;
    ComposeControl other(Wiki(), kQuick);
    REQUIRE_OK(other.Recall(run.control.Memory()));
    REQUIRE_OK(other.Start(run.host, {}));
  }
  CHECK(run.host.Count(" up --no-start") == 1);
  CHECK(run.docker.containers.size() == 3);
  CHECK(run.docker.Of("web", "1").status == "running");
  CHECK(run.docker.Of("web", "9").status == "exited");
}

// The wait was for the one that is gone.
TEST_CASE("A container for whose health others wait is waited for under its new id") {
  auto db = Db();
  db.health = "healthy";
  auto web = Web();
  web.depends_on = "db:service_healthy:true";
  Run run({db, web});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  const bool can = GENERATE(true, false);
  run.host.On(" up --no-start", [&](const std::string&) -> Result<CommandResult> {
    CommandResult result;
    result.exit_status = can ? 0 : 1;
    db.id = "7";
    db.status = "created";
    if (can) run.docker.containers.push_back(db);
    return result;
  });
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  std::erase_if(run.docker.containers, [](const auto& container) { return container.id == "1"; });
  CHECK(run.Start().has_value() == can);
  CHECK(run.docker.started == (can ? "72" : "2"));
}

TEST_CASE("What another process recalls are the project's containers as they were before") {
  Run run({Db(), Web(), StoppedJob()});
  REQUIRE_OK(run.Inspect());
  const std::string memory = run.control.Memory();
  REQUIRE_OK(run.Stop());
  auto& web = run.docker.Of("web");
  web.id = "9";
  web.number = "3";
  web.status = "exited";
  ComposeControl other(Wiki(), kQuick);
  REQUIRE_OK(other.Recall(memory));
  CHECK(other.Memory() == memory);
  REQUIRE_OK(other.Start(run.host, {}));
  CHECK(run.host.Count(" up --no-start") == 0);
  CHECK(run.docker.started == "19");
}

TEST_CASE("What compose makes anew of another image is told") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  MakesAnew(run);
  std::string said = "wiki_db_1 has another image than before";
  SECTION("if it is another one") {
    run.docker.Of("db").image = "sha256:old";
  }
  SECTION("if it is not known") {
    run.docker.Of("db").image = "";
    said = "whether wiki_db_1 has the image that it had is not known";
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  Prune(run.docker);
  REQUIRE_OK(run.Start());
  const auto warnings = ValueOf(run.control.LookAgain(run.host, {}));
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find(said) != std::string::npos);
  CHECK(warnings[0].find("wiki_web_1 has") == std::string::npos);
}

namespace {

// What is said after `docker system prune --all` has taken db, if compose says `err` then.
std::string SaidOfImage(Run& run, const std::string& err) {
  run.docker.Of("db").image = "sha256:old";
  run.docker.Of("db").environment_file = "/opt/wiki/live.env";
  run.host.On(" up --no-start", "", 1, err);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  std::erase_if(run.docker.containers, [](const auto& container) { return container.id == "1"; });
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(run.docker.Of("web").status == "running");
  CHECK(run.host.Count(" pull ") == 0);
  return started.error().message;
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kImageIsGone = "its image is gone from atena, too";

}  // namespace

// It told to run `docker compose up -d` there: without the project's name and files, that may make
// a second container on the same data.
TEST_CASE("If an image is gone with its container the message says which and what brings it back") {
  Run run({Db(), Web()});
  std::string compose = "'docker' 'compose' '--project-name' 'wiki' '--profile' '*'";
  std::string err = "Error response from daemon: No such image: example.org/db:16\n";
  SECTION("version 2") {
    run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  }
  SECTION("version 1 which tries to fetch it") {
    run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
    compose = "'docker-compose' '--project-name' 'wiki'";
    err = "Pulling db (example.org/db:16)...\nno such host\n";
  }
  SECTION("version 1 which would have to build it") {
    run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
    compose = "'docker-compose' '--project-name' 'wiki'";
    err = "Service 'db' needs to be built, but --no-build was passed.\n";
  }
  const std::string said = SaidOfImage(run, err);
  INFO(said);
  CHECK(said.starts_with("atena: container wiki_db_1 of service db was running and is gone; "));
  CHECK(Says(said, Excerpt(err)));
  CHECK(Says(said, kImageIsGone));
  CHECK(Says(said, ": container wiki_db_1 of service db was made of sha256:old. Run `cd / && " +
                       compose +
                       " '--project-directory' '/opt/wiki' '--file' "
                       "'/opt/wiki/docker-compose.yml' '--env-file' '/opt/wiki/live.env' 'pull' "
                       "'db'` there"));
  CHECK(Says(said, "then `orcio recover`"));
  CHECK_FALSE(Says(said, "up -d"));

  // As it is told: once it is back, another process makes the container anew.
  run.host.On(" up --no-start", [&run](const std::string&) -> Result<CommandResult> {
    auto db = Db();
    db.id = "7";
    db.status = "created";
    db.image = "sha256:old";
    run.docker.containers.push_back(db);
    return CommandResult{};
  });
  ComposeControl other(Wiki(), kQuick);
  REQUIRE_OK(other.Recall(run.control.Memory()));
  REQUIRE_OK(other.Start(run.host, {}));
  CHECK(run.docker.Of("db").status == "running");
}

TEST_CASE("If compose fails after it has fetched an image none is said to be gone") {
  Run run({Db(), Web()});
  run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
  const std::string said = SaidOfImage(run,
                                       "Pulling db (example.org/db:16)...\n"
                                       "Creating wiki_db_1 ... error\n"
                                       "ERROR: for db  no space left on device\n");
  INFO(said);
  CHECK(Says(said, "no space left on device"));
  CHECK_FALSE(Says(said, kImageIsGone));
  CHECK(Says(said, "run `docker compose up -d`"));
}

TEST_CASE("If several containers are gone each is told with the image that it had") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.docker.Of("db").image = "sha256:old";
  run.docker.Of("web").image = "";
  run.host.On(" up --no-start", "", 1, "Error response from daemon: No such image: db:16\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  Prune(run.docker);
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  INFO(started.error().message);
  CHECK(Says(started.error().message,
             "an image is gone from atena, too, as by `docker system prune --all`: container "
             "wiki_db_1 of service db was made of sha256:old; container wiki_web_1 of service web "
             "was made of one unknown."));
  CHECK(Says(started.error().message, " 'pull' 'db' 'web'` there"));
}

TEST_CASE("Where compose cannot make anew what is gone, that is told in its own words") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  std::string why = "open /opt/wiki/docker-compose.yml: no such file or directory";
  SECTION("for want of the files") {
    run.host.On(" up --no-start", "", 14, why + "\n");
  }
  SECTION("for want of a compose") {
    run.host.On("docker compose version", "none\n");
    why = "there is no compose";
  }
  SECTION("as it was not compose that made it") {
    for (auto& container : run.docker.containers) container.config_files.clear();
    why = "has not noted on them";
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.containers.pop_back();
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("wiki_web_1 of service web was running and is gone") !=
        std::string::npos);
  CHECK(started.error().message.find(why) != std::string::npos);
  CHECK(run.docker.Of("db").status == "running");
  CHECK(ValueOf(run.control.LookAgain(run.host, {})).empty());
}

}  // namespace orcio

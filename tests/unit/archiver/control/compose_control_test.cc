#include "archiver/control/compose_control.h"

#include <functional>

#include "tests/support/catch.h"
#include "tests/support/services/compose_run.h"

namespace orcio {
namespace {

using test::Db;
using test::FakeDocker;
using test::FakeHost;
using test::kLong;
using test::kQuick;
using test::kShort;
using test::StoppedJob;
using test::Web;
using test::Wiki;
using Run = test::ComposeRun;

}  // namespace

TEST_CASE("Plain docker stops what runs by its dependencies and starts only that") {
  Run run({Db(), Web(), StoppedJob()});
  REQUIRE_OK(run.Inspect());
  CHECK(run.control.Running() == std::vector<std::string>{"wiki_web_1", "wiki_db_1"});
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "12");
  CHECK(run.docker.Of("job").status == "exited");
}

TEST_CASE("What the containers keep on the host is known from the look that is taken anyway") {
  auto db = Db();
  db.mounts =
      R"([{"Type":"volume","Name":"wiki_db","Source":"/var/lib/docker/volumes/wiki_db/_data",)"
      R"("Destination":"/db","RW":true},{"Type":"tmpfs","Source":"","Destination":"/tmp","RW":true},)"
      R"({"Type":"bind","Source":"/opt/x","Destination":"/x","RW":false},7,{"Type":"bind"}])";
  auto job = StoppedJob();
  job.mounts = R"([{"Type":"bind","Source":"/opt/job","Destination":"/job","RW":true}])";
  auto one_off = StoppedJob();
  one_off.id = "4";
  one_off.one_off = "True";
  one_off.mounts = job.mounts;
  Run run({db, Web(), job, one_off});
  REQUIRE_OK(run.Inspect());
  CHECK(run.host.Count("docker inspect") == 1);
  const auto mounts = run.control.Mounts();
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].name == "wiki_db_1");
  CHECK(mounts[0].service == "db");
  REQUIRE(mounts[0].mounts.size() == 2);
  CHECK(mounts[0].mounts[0].volume == "wiki_db");
  CHECK(mounts[0].mounts[0].source == "/var/lib/docker/volumes/wiki_db/_data");
  CHECK(mounts[0].mounts[1].volume.empty());
  CHECK_FALSE(mounts[0].mounts[1].writable);
  CHECK(mounts[1].mounts.empty());
  REQUIRE(mounts[2].mounts.size() == 1);
  CHECK(mounts[2].mounts[0].source == "/opt/job");
}

TEST_CASE("Without dependency labels the containers stop in the reverse order of their creation") {
  auto db = Db();
  auto web = Web();
  db.depends_on = web.depends_on = "-";
  db.created = "2026-01-05T00:00:00Z";  // later than web
  Run run({db, web});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "12");
}

TEST_CASE("Dependencies that go round in a circle do not hang") {
  auto db = Db();
  db.depends_on = "web:service_started:true";
  Run run({db, Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped.size() == 2);
}

// Each level was a call of its own, and so was the look at what came of it.
TEST_CASE("All levels stop in one command to the host, and start in one") {
  auto cache = Db();
  cache.id = "4";
  cache.service = "cache";
  Run run({Db(), cache, Web()});
  REQUIRE_OK(run.Inspect());
  const size_t before = run.host.commands.size();
  REQUIRE_OK(run.Stop());
  CHECK(run.host.commands.size() == before + 1);
  CHECK(run.docker.stopped == "241");
  std::string at_start;
  run.docker.on_inspect = [&] {
    if (at_start.empty()) at_start = run.docker.started;
  };
  REQUIRE_OK(run.control.LookBeforeStart(run.host, {}));
  CHECK(run.host.commands.size() == before + 1);
  REQUIRE_OK(run.Start());
  CHECK(at_start == "412");
}

// docker-compose 1 takes a second for either, and knows no hooks.
TEST_CASE("A compose without hooks is not even looked for") {
  Run run({Db(), Web(), StoppedJob()});
  run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
  SECTION("where the files mention none") {}
  SECTION("where it is told of none by the files that they include") {
    run.docker.FilesMention("others");
    run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
    run.host.On("config | grep", "", 1);
  }
  SECTION("where it is too old for them") {
    run.docker.FilesMention("own");
  }
  SECTION("where the containers were made from no files") {
    for (auto& container : run.docker.containers) container.config_files.clear();
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "21");
  CHECK(run.docker.started == "12");
  CHECK(run.host.Count("--project-name wiki stop") == 0);
  CHECK(run.host.Count("docker-compose.yml stop") == 0);
  CHECK(run.docker.Of("job").status == "exited");
}

// It was told the labels alone, from /, and so knew of no pre_stop hook.
TEST_CASE("Compose 2 reads the files that the project was made from, for their hooks") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.docker.FilesMention("own");
  std::string files = "--file /opt/wiki/docker-compose.yml";
  SECTION("one, named from the project's directory") {}
  SECTION("that are in files which they include") {
    run.docker.FilesMention("others");
    run.host.On("config | grep", "    pre_stop:\n");
  }
  SECTION("several, and a file of variables") {
    for (auto& container : run.docker.containers) {
      container.config_files = "/opt/wiki/compose.yml,local/more.yml";
      container.environment_file = "/opt/wiki/.env,/etc/wiki.env";
    }
    files =
        "--file /opt/wiki/compose.yml --file /opt/wiki/local/more.yml --env-file /opt/wiki/.env "
        "--env-file /etc/wiki.env";
  }
  SECTION("with commas in their names") {
    for (auto& container : run.docker.containers)
      container.config_files = "/opt/wiki/a,b.yml,more.yml";
    files = "--file /opt/wiki/a,b.yml --file /opt/wiki/more.yml";
    run.host.On("config --services", "", 14, "stat /opt/wiki/a: no such file or directory\n");
    run.host.On(files + " config --services", "db\nweb\n");
  }
  SECTION("not the same for all containers") {
    run.docker.Of("db").config_files = "db.yml";
    run.docker.Of("web").config_files = "db.yml,web.yml";
    files = "--file /opt/wiki/db.yml --file /opt/wiki/web.yml";
    run.host.On("config --services", "db\n");
    run.host.On(files + " config --services", "db\nweb\n");
  }
  const std::string line =
      "cd / && docker compose --project-name wiki --project-directory /opt/wiki " + files;
  for (const std::string verb : {" stop", " start"}) {
    run.host.On(line + verb, [&run, verb](const std::string&) {
      for (auto& container : run.docker.containers) {
        container.status = verb == " stop" ? "exited" : "running";
        container.started = run.docker.starts_at;
      }
      return Result<CommandResult>(CommandResult{});
    });
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count(line + " stop db web") == 1);
  CHECK(run.host.Count("docker stop") == 0);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count(line + " start db web") == 1);
  CHECK(run.host.Count("docker start") == 0);
  REQUIRE_OK(run.control.JudgeAfterStart(run.host, {}));
}

// Compose without the profile knew of no web, and docker stopped it without its hook.
TEST_CASE("The hooks of a service that only a profile has are run") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.docker.FilesMention("own");
  run.host.On("config --services", "db\n");
  const std::string line =
      "compose --project-name wiki --profile * --project-directory /opt/wiki --file "
      "/opt/wiki/docker-compose.yml ";
  run.host.On(line + "config --services", "db\nweb\n");
  REQUIRE_OK(run.Inspect());
  CHECK(run.control.Warnings().empty());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count(line + "stop db web") == 1);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count(line + "start db web") == 1);
  CHECK(run.docker.started == "12");
}

// It was silent: a dump that the hook makes was missing from the archive.
TEST_CASE("Hooks that cannot be run are a warning with what compose says") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.docker.FilesMention("own");
  std::string why;
  SECTION("because a variable is missing") {
    run.host.On("config --services", "", 15, "required variable TAG is missing a value: which\n");
    why = "compose cannot read them: required variable TAG is missing a value: which";
  }
  SECTION("because the files are about something else by now") {
    run.host.On("config --services", "db\nmail\n");
    why = "they have no service web";
  }
  SECTION("because compose is too old") {
    run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
    why = "no compose that knows of hooks";
  }
  SECTION("because there is none") {
    run.host.On("docker compose version", "none\n");
    why = "no compose that knows of hooks";
  }
  SECTION("but not where it is not known that there are any") {
    run.docker.FilesMention("others");
    run.host.On("config --services", "", 15, "required variable TAG is missing a value: which\n");
  }
  REQUIRE_OK(run.Inspect());
  const auto warnings = run.control.Warnings();
  REQUIRE(warnings.size() == (why.empty() ? 0U : 1U));
  if (!why.empty()) CHECK(warnings[0].find(why) != std::string::npos);
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
}

TEST_CASE(
    "Compose 2 stops by the files though a part of the project has ended, and docker starts") {
  Run run({Db(), Web(), StoppedJob()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  run.docker.FilesMention("own");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count("/opt/wiki/docker-compose.yml stop db web") == 1);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count("/opt/wiki/docker-compose.yml start") == 0);
  CHECK(run.docker.started == "12");
  CHECK(run.docker.Of("job").status == "exited");
}

TEST_CASE("Docker stops what compose cannot read the files of") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
  run.docker.FilesMention("own");
  SECTION("because they are gone") {
    run.host.On("config --services", "", 14, "no such file or directory\n");
  }
  SECTION("because they are another project's by now") {
    run.host.On("config --services", "db\nmail\n");
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count("compose --project-name wiki stop") == 0);
  CHECK(run.docker.stopped == "21");
}

TEST_CASE("Of a scaled service only the replicas that ran are stopped and started") {
  auto second = Web();
  second.id = "4";
  second.number = "2";
  second.status = "exited";
  Run run({Db(), Web(), second});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "21");
  CHECK(run.docker.started == "12");
}

TEST_CASE("What compose fails to stop, docker stops") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
  run.docker.FilesMention("own");
  run.host.On("docker-compose.yml stop", "", 1, "no space left on device\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
}

TEST_CASE("What compose fails to start, docker starts") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
  run.docker.FilesMention("own");
  run.host.On("docker-compose.yml start", "", 1, "cannot read .env\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "12");
}

TEST_CASE("A container that runs on after its stop is an error") {
  auto web = Web();
  web.stops = false;
  Run run({Db(), web});
  REQUIRE_OK(run.Inspect());
  const auto stopped = run.Stop();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kRemote);
}

TEST_CASE("A project without running containers has nothing to stop") {
  Run run({StoppedJob()});
  REQUIRE_OK(run.Inspect());
  CHECK(run.control.Running().empty());
}

TEST_CASE("An unknown project is not found, and the host's projects are named") {
  Run run({});
  const auto found = run.Inspect();
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kNotFound);
  CHECK(found.error().message.find("com.docker.compose.project") != std::string::npos);
  CHECK(found.error().message.find("blog, wiki") != std::string::npos);
}

TEST_CASE("A paused container is refused before anything is stopped") {
  auto web = Web();
  web.status = "paused";
  Run run({Db(), web});
  const auto found = run.Inspect();
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
  CHECK(found.error().message.find("docker unpause wiki_web_1") != std::string::npos);
}

TEST_CASE("A container of compose run is left alone, with a warning where it runs") {
  auto shell = Web();
  shell.id = "5";
  shell.one_off = "True";
  Run run({Db(), shell});
  REQUIRE_OK(run.Inspect());
  CHECK(run.control.Warnings().size() == 1);
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "1");
}

TEST_CASE("A container in a restart loop is stopped, and confirmed by being in it again") {
  auto web = Web();
  web.status = "restarting";
  Run run({Db(), web});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
  run.docker.Of("web").status = "restarting";
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "1");
}

TEST_CASE("A container made anew meanwhile is found by its service and number") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("web").id = "9";
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "19");
}

TEST_CASE("A container that is gone is not confirmed running") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.containers.pop_back();
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("wiki_web_1") != std::string::npos);
  CHECK(run.docker.Of("db").status == "running");
}

TEST_CASE("A container that exits again is not running, with its exit code and last words") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("web").starts = false;
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("wiki_web_1") != std::string::npos);
  CHECK(started.error().message.find("exited with 3") != std::string::npos);
  CHECK(started.error().message.find("starting | no configuration") != std::string::npos);
  CHECK(run.docker.started == "1222");
}

TEST_CASE("A container whose health check passed before must pass it again") {
  auto db = Db();
  auto web = Web();
  db.health = web.health = "healthy";
  const bool passes = GENERATE(true, false);
  CAPTURE(passes);
  Run run({db, web}, passes ? kLong : kShort);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  if (!passes) run.docker.Of("web").health = "unhealthy";
  const auto started = run.Start();
  REQUIRE(started.has_value() == passes);
  if (passes) return;
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("health check says unhealthy") != std::string::npos);
}

TEST_CASE("A container that was unhealthy before only has to run") {
  auto web = Web();
  web.health = "unhealthy";
  Run run({Db(), web});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
}

TEST_CASE("A container starts only once the one that it waits for is healthy") {
  auto db = Db();
  db.health = "healthy";
  auto web = Web();
  web.depends_on = "db:service_healthy:true";
  Run run({db, web}, kShort);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("db").health = "starting";
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(run.docker.started == "1");
}

// Both stopped at once, and web started beside db: only what ran was looked at.
TEST_CASE("A container waits for one that it depends on through others that have ended") {
  auto db = Db();
  db.health = "healthy";
  auto migrate = StoppedJob();
  migrate.service = "migrate";
  migrate.depends_on = "db:service_healthy:false";
  auto seed = migrate;
  seed.id = "4";
  seed.service = "seed";
  seed.depends_on = "migrate:service_completed_successfully:false";
  // Through one more, and in a circle, which compose would not make.
  const bool longer = GENERATE(false, true);
  CAPTURE(longer);
  if (longer) migrate.depends_on += ",seed:service_started:false";
  auto web = Web();
  web.depends_on =
      std::string(longer ? "seed" : "migrate") + ":service_completed_successfully:false";
  Run run({db, web, migrate, seed}, kShort);
  REQUIRE_OK(run.Inspect());
  CHECK(run.control.Running() == std::vector<std::string>{"wiki_web_1", "wiki_db_1"});
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
  run.docker.Of("db").health = "starting";
  SECTION("in the run that stopped it") {
    REQUIRE_FALSE(run.Start());
  }
  SECTION("in a process that recalls it") {
    ComposeControl second(Wiki(kShort), kQuick);
    REQUIRE_OK(second.Recall(run.control.Memory()));
    REQUIRE_FALSE(second.Start(run.host, {}));
  }
  CHECK(run.docker.started == "1");
  CHECK(run.docker.Of("migrate").status == "exited");
}

namespace {

constexpr const char* kEach40s =
    R"({"interval":40000000000,"timeout":null,"start_period":null,"retries":2})";

FakeDocker::Container CheckedWeb(const std::string& check) {
  auto web = Web();
  web.health = "healthy";
  web.check = check;
  return web;
}

}  // namespace

// Was "not confirmed running again: its health check says starting", exit 20.
TEST_CASE("A health check that is not due before the start_timeout is looked at again later") {
  Run run({Db(), CheckedWeb(kEach40s)});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("web").health = "starting";
  REQUIRE_OK(run.Start());
  SECTION("and is no warning where it is healthy by then") {
    run.docker.Of("web").health = "healthy";
    CHECK(ValueOf(run.control.LookAgain(run.host, {})).empty());
  }
  SECTION("and is one where it has still not been due") {
    const auto warnings = ValueOf(run.control.LookAgain(run.host, {}));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("container wiki_web_1 runs, but its health check, which docker runs "
                           "every 40 s") == 0);
    CHECK(ValueOf(run.control.LookAgain(run.host, {})).empty());  // it was said
  }
  SECTION("and is an alarm") {
    auto& web = run.docker.Of("web");
    std::string says = "health check says unhealthy";
    SECTION("where it is unhealthy by then") {
      web.health = "unhealthy";
    }
    SECTION("where it restarts") {
      web.restarts = 1;
      says = "health check says starting";
    }
    SECTION("where it has ended") {
      web.status = "exited";
      says = "exited with 3";
    }
    SECTION("where it is gone") {
      run.docker.containers.pop_back();
      says = "is gone";
    }
    const auto looked = run.control.LookAgain(run.host, {});
    REQUIRE_FALSE(looked);
    CHECK(looked.error().kind == ErrorKind::kNotRunning);
    CHECK(looked.error().message.find("wiki_web_1") != std::string::npos);
    CHECK(looked.error().message.find(says) != std::string::npos);
  }
}

TEST_CASE("A health check that is due is waited for as long as docker itself waits for it") {
  // Due each 100 ms; docker gives it up after a minute.
  auto alone = CheckedWeb(R"({"interval":100000000,"timeout":100000000,"retries":300})");
  alone.depends_on = "";
  Run run({alone}, kShort);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("web").health = "starting";
  // Well after its start_timeout of a second it makes up its mind.
  const auto begun = std::chrono::steady_clock::now();
  std::string health;
  SECTION("and it is healthy") {
    health = "healthy";
  }
  SECTION("and it is not") {
    health = "unhealthy";
  }
  run.docker.on_inspect = [&] {
    if (std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(1500))
      run.docker.Of("web").health = health;
  };
  const auto started = run.Start();
  CHECK(started.has_value() == (health == "healthy"));
  CHECK(ValueOf(run.control.LookAgain(run.host, {})).empty());
}

TEST_CASE("A container that others wait for is waited for though its check comes late") {
  auto db = Db();
  db.health = "healthy";
  db.check = kEach40s;
  auto web = Web();
  web.health = "healthy";  // counts at once: what is left of the start_timeout does not matter
  web.depends_on = "db:service_healthy:true";
  Run run({db, web}, kShort);
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  auto& health = run.docker.Of("db").health;
  health = "starting";
  std::optional<std::chrono::steady_clock::time_point> since;
  // Well after the start_timeout of a second.
  run.docker.on_inspect = [&] {
    if (run.docker.started.empty() || health == "healthy") return;
    const auto now = std::chrono::steady_clock::now();
    if (!since) since = now;
    if (now - *since <= std::chrono::milliseconds(1500)) return;
    CHECK(run.docker.started == "1");
    health = "healthy";
  };
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "12");
  CHECK(ValueOf(run.control.LookAgain(run.host, {})).empty());
}

TEST_CASE(
    "A stop that the link cut short is completed before the start, whichever it had reached") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  run.host.On("stop_level", [](const std::string&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "cut");
  });
  const auto stopped = run.Stop();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kNetwork);
  // The script may be at either: a start now would find it running and leave it to stop.
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "12");
  CHECK(run.docker.started == "12");
}

TEST_CASE(
    "A container that docker does not stop is named in docker's words, and those below run on") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  run.host.On("stop_level", "", 1, "cannot stop container: permission denied\n");
  const auto stopped = run.Stop();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kRemote);
  CHECK(stopped.error().message.find("docker stop wiki_web_1 failed") != std::string::npos);
  CHECK(stopped.error().message.find("permission denied") != std::string::npos);
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "2");
  CHECK(run.docker.started == "2");
}

namespace {

// A quarter of a minute after the stop.
constexpr const char* kLater = "1772000015.5";

// Stops db and web, lets `meanwhile` happen, and starts them.
Result<void> RestAndStart(Run& run, const std::function<void()>& meanwhile) {
  ORCIO_TRY(run.Inspect());
  ORCIO_TRY(run.Stop());
  meanwhile();
  run.docker.now = kLater;
  ORCIO_TRY(run.control.LookBeforeStart(run.host, {}));
  ORCIO_TRY(run.Start());
  return run.control.JudgeAfterStart(run.host, {});
}

}  // namespace

// It took two commands and docker's record a third, all while the service was down.
TEST_CASE("What was started while the volumes were read is found out once the service runs") {
  Run run({Db(), Web(), StoppedJob()});
  std::string name;
  const auto judged = RestAndStart(run, [&] {
    auto& web = run.docker.Of("web");
    auto& job = run.docker.Of("job");
    SECTION("one that was stopped, and runs since") {
      web.status = "running";
      web.started = "2026-02-25T06:13:30Z";
      name = "wiki_web_1 was started at 2026-02-25T06:13:30Z";
    }
    SECTION("one that was stopped, and has ended again") {
      web.started = "2026-02-25T06:13:30Z";
      web.finished = "2026-02-25T06:13:31Z";
      name = "wiki_web_1 was started, and ended at 2026-02-25T06:13:31Z";
    }
    SECTION("one that did not run before") {
      job.started = "2026-02-25T06:13:30Z";
      name = "wiki_job_1 was started at";
    }
    SECTION("one of which nothing is left") {
      run.docker.events = "start wiki_job_run_1\n";
      name = "wiki_job_run_1 was started";
    }
    SECTION("but not one that is started once the last byte is read") {
      job.status = "running";
      job.started = "2026-02-25T06:13:40Z";
    }
    SECTION("nor one that was made and never started") {
      auto another = Web();
      another.id = "9";
      another.status = "created";
      another.started = "0001-01-01T00:00:00Z";
      run.docker.containers.push_back(another);
    }
  });
  CHECK(judged.has_value() == name.empty());
  if (!judged) CHECK(judged.error().message.find(name) != std::string::npos);
  CHECK(run.docker.Of("web").status == "running");
}

// It took two commands once the containers were up, which they have to be for seconds anyway.
TEST_CASE("The time at rest is looked back at while the containers have to be up for a while") {
  Run run({Db(), Web(), StoppedJob()});
  size_t commands = 0;
  SECTION("and then nothing is left to be asked") {}
  SECTION("but once more where docker could not be asked by then") {
    run.host.On("docker events", [&](const std::string&) -> Result<CommandResult> {
      if (commands++ == 0) return Fail(ErrorKind::kRemote, "as the test has it");
      return CommandResult();
    });
  }
  SECTION("but once more where one of them had ended again") {
    run.docker.Of("web").starts = false;
    run.docker.on_inspect = [&] {
      auto& web = run.docker.Of("web");
      if (run.host.Count("docker events") == 0 || web.status != "exited") return;
      web.starts = true;
      commands = 2;
    };
  }
  REQUIRE_OK(RestAndStart(run, [] {}));
  CHECK(run.host.Count("docker events") == (commands == 0 ? 1U : 2U));
  CHECK(run.control.NotRunning());
}

TEST_CASE("A start whose answer is lost is not taken for somebody else's") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.starts_at = "2026-02-25T06:13:35.6Z";
  bool lost = true;
  run.host.On("start_level", [&](const std::string& script) -> Result<CommandResult> {
    CommandResult result;
    result.out = run.docker.Obey(script);
    run.docker.now = "1772000060.5";
    if (std::exchange(lost, false)) return Fail(ErrorKind::kNetwork, "cut");
    return result;
  });
  REQUIRE_FALSE(run.Start());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "12");
  REQUIRE_OK(run.control.JudgeAfterStart(run.host, {}));
}

TEST_CASE("A host that does not tell its time is looked at before the start") {
  Run run({Db(), Web()});
  run.docker.now = "not found";
  const auto judged = RestAndStart(run, [&] {
    run.docker.Of("web").started = "2026-02-25T06:13:30Z";
    CHECK_FALSE(run.control.LookBeforeStart(run.host, {}).has_value());
  });
  CHECK_FALSE(judged.has_value());
  CHECK(run.docker.started.empty());
}

TEST_CASE("How long the containers did not run is docker's to say") {
  Run run({Db(), Web()});
  CHECK_FALSE(run.control.NotRunning());
  run.docker.starts_at = "2026-02-25T06:13:37Z";
  REQUIRE_OK(RestAndStart(run, [] {}));
  REQUIRE(run.control.NotRunning());
  CHECK(*run.control.NotRunning() == 17.5);
}

// It counted from when it was first seen.
TEST_CASE(
    "A container is up for as long as docker says, if that is not longer than it was asked for") {
  Run run({Db()});
  run.docker.Of("db").started = "2026-02-25T06:13:10Z";
  const std::vector<DockerContainer> containers =
      ValueOf(InspectContainers(run.host, {Db().full_id()}, {}));
  CHECK(containers[0].age == std::chrono::milliseconds(10123));
  const auto now = std::chrono::steady_clock::now();
  const auto wait = [&](std::chrono::steady_clock::time_point asked) {
    // Whoever goes on waiting looks once more.
    std::stop_source looked_twice;
    run.host.commands.clear();
    run.docker.on_inspect = [&] {
      if (run.host.Count("docker inspect") > 1) looked_twice.request_stop();
    };
    constexpr StartTiming kPatience{std::chrono::milliseconds(1), std::chrono::seconds(10),
                                    std::chrono::milliseconds(1)};
    return WaitUntilUp(run.host, containers, {asked, now + std::chrono::hours(3)},
                       Awaited::kRunning, kPatience, looked_twice.get_token())
        .has_value();
  };
  CHECK(wait(now - std::chrono::hours(1)));
  // As long as no time can have passed since, whatever docker says.
  CHECK_FALSE(wait(now + std::chrono::hours(1)));
}

TEST_CASE("Starting what runs already does nothing") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started.empty());
}

TEST_CASE("A host without docker says what to do") {
  FakeHost host;
  ComposeControl control(Wiki());
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
  CHECK(found.error().message.find("install docker") != std::string::npos);
}

TEST_CASE("A docker that refuses the login user says what to do") {
  FakeHost host;
  host.On("docker ps", "", 1,
          "Got permission denied while trying to connect to the Docker daemon socket at "
          "unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission "
          "denied\n");
  ComposeControl control(Wiki());
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().message.find("sudo: true") != std::string::npos);
}

TEST_CASE("Senseless answers of a host are errors") {
  const std::string id(64, 'a');
  const auto answer = GENERATE_COPY(
      as<std::string>(), "[]", "null", "{", "{\"id\":1}", "{\"state\":{}}", std::string(3000, '{'),
      "{\"id\":\"" + id + "\",\"name\":[],\"state\":{\"Status\":\"running\"}}",
      "{\"id\":\"; reboot\",\"name\":\"/x\",\"state\":{\"Status\":\"running\"}}", "\x1b[2J\xff");
  FakeHost host;
  host.On("docker ps", id + "\n");
  host.On("docker inspect", answer + "\n");
  ComposeControl control(Wiki());
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
  CHECK(found.error().message.find('\x1b') == std::string::npos);
}

TEST_CASE("A container id that is none reaches no command line") {
  FakeHost host;
  host.On("docker ps", "$(reboot)\n");
  ComposeControl control(Wiki());
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(host.Count("reboot") == 0);
}

}  // namespace orcio

#include "archiver/compose_control.h"

#include "tests/support/catch.h"
#include "tests/support/fake_docker.h"
#include "tests/support/fake_host.h"

namespace orcio {
namespace {

using test::FakeDocker;
using test::FakeHost;

constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                             std::chrono::milliseconds(1)};

ServiceConfig Wiki() {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.project = "wiki";
  service.start_timeout = std::chrono::seconds(1);
  return service;
}

// One run of the control, from inspection to start.
struct Run {
  FakeHost host;
  FakeDocker docker;
  ComposeControl control{Wiki(), kQuick};

  explicit Run(std::vector<FakeDocker::Container> containers)
      : docker(host, std::move(containers)) {}
  Result<void> Inspect() { return control.Inspect(host, {}); }
  Result<void> Stop() { return control.Stop(host, {}); }
  Result<void> Start() { return control.Start(host, {}); }
};

FakeDocker::Container Db() {
  return {.id = "1", .service = "db", .depends_on = ""};
}
FakeDocker::Container Web() {
  return {.id = "2", .service = "web", .depends_on = "db:service_started:true"};
}
FakeDocker::Container StoppedJob() {
  return {.id = "3", .service = "job", .status = "exited", .depends_on = ""};
}

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

TEST_CASE("docker-compose 1 is told the services by name where all their containers ran") {
  Run run({Db(), Web(), StoppedJob()});
  run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count("docker-compose --project-name wiki --project-directory /opt/wiki --file "
                       "/opt/wiki/docker-compose.yml stop db web") == 1);
  CHECK(run.host.Count("docker stop") == 0);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count("docker-compose.yml start db web") == 1);
  CHECK(run.host.Count("docker start") == 0);
  CHECK(run.docker.Of("job").status == "exited");
}

TEST_CASE("docker-compose 1 is passed over where it cannot read the project's files") {
  Run run({Db(), Web()});
  run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
  run.host.On("config --services", "", 1, "FileNotFoundError: /opt/wiki/docker-compose.yml\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
  CHECK(run.host.Count("docker stop") == 2);
}

// It was told the labels alone, from /, and so knew of no pre_stop hook.
TEST_CASE("Compose 2 reads the files that the project was made from, for their hooks") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  std::string files = "--file /opt/wiki/docker-compose.yml";
  SECTION("one, named from the project's directory") {}
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
        container.started = "2026-01-02T00:00:00Z";
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
}

TEST_CASE(
    "Compose 2 stops by the files though a part of the project has ended, and docker starts") {
  Run run({Db(), Web(), StoppedJob()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.30.1");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count("/opt/wiki/docker-compose.yml stop db web") == 1);
  REQUIRE_OK(run.Start());
  CHECK(run.host.Count("/opt/wiki/docker-compose.yml start") == 0);
  CHECK(run.docker.started == "12");
  CHECK(run.docker.Of("job").status == "exited");
}

TEST_CASE("Compose 2 goes by labels where it cannot read the files") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
  SECTION("because they are gone") {
    run.host.On("config --services", "", 14, "no such file or directory\n");
  }
  SECTION("because they are another project's by now") {
    run.host.On("config --services", "db\nmail\n");
  }
  SECTION("because there were none") {
    for (auto& container : run.docker.containers) container.config_files.clear();
  }
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.host.Count("cd / && docker compose --project-name wiki stop db web") == 1);
  CHECK(run.host.Count("docker stop") == 0);
}

TEST_CASE("Compose 2 is passed over where part of the project was stopped, which it would start") {
  Run run({Db(), Web(), StoppedJob()});
  run.docker.HasCompose("plugin", "Docker Compose version 5.0.0");
  run.host.On("config --services", "", 14, "no such file or directory\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "21");
  CHECK(run.docker.started == "12");
}

TEST_CASE("Of a scaled service only the replicas that ran are stopped and started") {
  auto second = Web();
  second.id = "4";
  second.number = "2";
  second.status = "exited";
  Run run({Db(), Web(), second});
  run.docker.HasCompose("program", "docker-compose version 1.29.2, build unknown");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  REQUIRE_OK(run.Start());
  CHECK(run.docker.stopped == "21");
  CHECK(run.docker.started == "12");
}

TEST_CASE("What compose fails to stop, docker stops") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
  run.host.On("docker-compose.yml stop", "", 1, "no space left on device\n");
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  CHECK(run.docker.stopped == "21");
}

TEST_CASE("What compose fails to start, docker starts") {
  Run run({Db(), Web()});
  run.docker.HasCompose("plugin", "Docker Compose version v2.20.2");
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
  auto web = Web();
  web.health = "healthy";
  Run run({Db(), web});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  SECTION("and does") {
    REQUIRE_OK(run.Start());
  }
  SECTION("and does not") {
    run.docker.Of("web").health = "unhealthy";
    const auto started = run.Start();
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == ErrorKind::kNotRunning);
    CHECK(started.error().message.find("health check says unhealthy") != std::string::npos);
  }
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
  Run run({db, web});
  REQUIRE_OK(run.Inspect());
  REQUIRE_OK(run.Stop());
  run.docker.Of("db").health = "starting";
  const auto started = run.Start();
  REQUIRE_FALSE(started);
  CHECK(run.docker.started == "1");
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
  Run run({Db(), CheckedWeb(R"({"interval":100000000,"timeout":100000000,"retries":300})")});
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
  web.depends_on = "db:service_healthy:true";
  Run run({db, web});
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

TEST_CASE("A stop that the link cut short is completed before the start") {
  Run run({Db(), Web()});
  REQUIRE_OK(run.Inspect());
  run.host.On("docker stop " + Web().full_id(), [](const std::string&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "cut");
  });
  const auto stopped = run.Stop();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kNetwork);
  // The daemon still waits for web: a start now would find it running and leave it to stop.
  run.host.On("docker stop " + Web().full_id(), [&](const std::string&) -> Result<CommandResult> {
    run.docker.Of("web").status = "exited";
    return CommandResult{};
  });
  REQUIRE_OK(run.Start());
  CHECK(run.docker.started == "2");
  CHECK(run.docker.Of("web").status == "running");
  CHECK(run.docker.stopped.empty());
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

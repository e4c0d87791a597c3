// Compose projects on a real dockerd: what ran is stopped and runs again, and nothing else.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "archiver/control/compose_control.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

using Compose = DockerdFixture::Compose;

DockerdFixture& Dockerd() {
  static DockerdFixture dockerd;
  return dockerd;
}

// The project, up, and orcio's way to it.
class Project : public ComposeProject {
 public:
  explicit Project(Compose compose, const std::string& name = "wiki")
      : ComposeProject(Dockerd(), name), host("atena", Dockerd().Environment(compose)) {}

  [[nodiscard]] bool Ran(const std::string& part) const {
    for (const auto& command : host.commands()) {
      if (command.find(part) != std::string::npos) return true;
    }
    return false;
  }

  LocalHost host;
};

const std::vector<std::string> kWebThenDb{"web", "db"};

}  // namespace

TEST_CASE("A project stops and starts by its dependencies, and only what ran of it") {
  const auto compose = GENERATE(Compose::kProgram, Compose::kPlugin, Compose::kNone);
  CAPTURE(static_cast<int>(compose));
  Project project(compose);
  ComposeControl control(project.service());
  const std::string id = project.Of("web", ".Id");
  const std::string started_at = project.Of("web", ".State.StartedAt");

  REQUIRE_OK(control.Inspect(project.host, {}));
  CHECK(control.Running() == std::vector<std::string>{"wiki_web_1", "wiki_db_1"});
  REQUIRE_OK(control.Stop(project.host, {}));
  CHECK(project.State("db") == "exited");
  CHECK(project.State("web") == "exited");
  CHECK(project.Lines("ends") == kWebThenDb);

  REQUIRE_OK(control.Start(project.host, {}));
  CHECK(project.State("db") == "running");
  CHECK(project.Of("db", ".State.Health.Status") == "healthy");
  CHECK(project.State("web") == "running");
  CHECK(project.State("job") == "exited");
  CHECK(project.Of("web", ".Id") == id);
  CHECK(project.Of("web", ".State.StartedAt") != started_at);
  CHECK(project.StartedAt("db") < project.StartedAt("web"));
  // Compose took a second for either, and was asked three times before.
  CHECK_FALSE(project.Ran("'--project-name'"));
  CHECK_FALSE(project.Ran("compose version"));
  CHECK(project.Ran("stop_level 'docker' 'stop'"));
}

TEST_CASE("Compose 2 stops and starts a project that runs as a whole, where its files have hooks") {
  Project project(Compose::kPlugin);
  Dockerd().Docker({"rm", project.Container("job")});
  // As an extension: this machine's compose, behind the plugin, would refuse a hook. And as if it
  // had been brought up with a profile.
  const std::string file = (project.stack() / "docker-compose.yml").string();
  MustRun({"sed", "-i", "s/^    depends_on:.*/&\\n    profiles: [prod]/", file});
  std::ofstream(file, std::ios::app) << "x-hooks: {pre_stop: []}\n";
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  CHECK(project.State("web") == "exited");
  CHECK(project.Lines("ends") == kWebThenDb);
  REQUIRE_OK(control.Start(project.host, {}));
  CHECK(project.State("web") == "running");
  CHECK(control.Warnings().empty());
  CHECK(project.Ran(
      "'docker' 'compose' '--project-name' 'wiki' '--profile' '*' '--project-directory' '" +
      project.stack().string() + "' '--file' '" + file + "' 'start'"));
  CHECK_FALSE(project.Ran("'docker' 'stop'"));
}

// A script called post_start.sh was taken for a hook: a warning every night, of hooks that do not
// run.
TEST_CASE("Only a key of the compose files is a hook") {
  const ScratchDirectory files;
  std::string text;
  bool hook = true;
  SECTION("a line of its own") {
    text = "services:\n  web:\n    pre_stop:\n      - command: dump\n";
  }
  SECTION("in quotes") {
    text = "    'post_start' :\n";
  }
  SECTION("between braces") {
    text = "  web: {image: busybox, pre_stop: [{command: dump}]}\n";
  }
  SECTION("of JSON") {
    text = R"({"services": {"web": {"pre_stop": [{"command": "dump"}]}}})"
           "\n";
  }
  SECTION("not a program") {
    text = "    command: ./post_start.sh\n";
    hook = false;
  }
  SECTION("not a variable") {
    text = "    environment:\n      - post_start_cmd=dump\n      - X=pre_stop\n";
    hook = false;
  }
  SECTION("not a comment") {
    text = "    # pre_stop:\n    image: busybox  # {pre_stop: []}\n";
    hook = false;
  }
  std::ofstream(files / "compose.yml") << text;
  DockerContainer container;
  container.service = "web";
  container.working_directory = files.path().string();
  container.config_files = {"compose.yml"};
  LocalHost host("atena", Dockerd().Environment(Compose::kNone));
  std::vector<std::string> warnings;
  CHECK_FALSE(ValueOf(ComposeCommand::For(host, "wiki", {container}, {container}, warnings, {})));
  CHECK(warnings.size() == (hook ? 1U : 0U));
}

TEST_CASE("A project whose compose file has gone is stopped and started all the same") {
  Project project(Compose::kProgram);
  std::filesystem::remove(project.stack() / "docker-compose.yml");
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  CHECK(project.Lines("ends") == kWebThenDb);
  REQUIRE_OK(control.Start(project.host, {}));
  CHECK(project.State("web") == "running");
}

TEST_CASE("What was started while the project was at rest is found out once it runs") {
  Project project(Compose::kNone);
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  std::string said;
  SECTION("a container that runs") {
    Dockerd().Docker({"start", project.Container("web")});
    said = "container wiki_web_1 was started at";
  }
  SECTION("a container that has ended again") {
    Dockerd().Docker({"start", project.Container("web")});
    Dockerd().Docker({"stop", project.Container("web")});
    said = "container wiki_web_1 was started, and ended at";
  }
  SECTION("a container that did not run before") {
    Dockerd().Docker({"start", "--attach", project.Container("job")});
    said = "container wiki_job_1 was started at";
  }
  SECTION("nothing") {}
  REQUIRE_OK(control.LookBeforeStart(project.host, {}));
  REQUIRE_OK(control.Start(project.host, {}));
  SECTION("and not what is started later") {
    Dockerd().Docker({"restart", project.Container("web")});
  }
  const auto judged = control.JudgeAfterStart(project.host, {});
  CHECK(judged.has_value() == said.empty());
  if (!judged) CHECK(judged.error().message.find(said) != std::string::npos);
  CHECK(project.State("web") == "running");
}

TEST_CASE("A container that does not come up again is told by name, exit code and last words") {
  const auto compose = GENERATE(Compose::kProgram, Compose::kNone);
  Project project(compose);
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  project.Break();
  const auto started = control.Start(project.host, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("wiki_web_1") != std::string::npos);
  CHECK(started.error().message.find("exited with 3") != std::string::npos);
  CHECK(started.error().message.find("no configuration") != std::string::npos);
  CHECK(project.State("db") == "running");
}

// Was "not confirmed running again: it runs, but its health check says starting", after 20 s.
TEST_CASE("A container whose health check is not due for a while runs, with a warning in the end") {
  Dockerd().Docker(
      {"run", "--detach", "--name=slow_web_1", "--network=none",
       "--label=com.docker.compose.project=slow", "--label=com.docker.compose.service=web",
       "--label=com.docker.compose.container-number=1", "--label=com.docker.compose.oneoff=False",
       "--health-cmd=true", "--health-interval=400s", "busybox", "sh", "-c",
       "trap 'exit 0' TERM; while :; do sleep 0.2; done"});
  LocalHost host("atena", Dockerd().Environment(Compose::kNone));
  ServiceConfig service;
  service.name = service.project = "slow";
  service.start_timeout = std::chrono::seconds(20);
  ComposeControl control(service);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.Start(host, {}));
  const auto warnings = ValueOf(control.LookAgain(host, {}));
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("slow_web_1 runs, but its health check, which docker runs every 400 s") !=
        std::string::npos);
  Dockerd().Docker({"rm", "--force", "slow_web_1"});
}

namespace {

// One of the containers of the project `chain`, on the volume `data`, as compose 2 labels them.
void RunOfChain(const std::string& service, const std::string& dependencies,
                const std::string& data, const std::vector<std::string>& options,
                const std::string& command) {
  std::vector<std::string> words{"run", "--detach", "--name=chain_" + service + "_1",
                                 "--network=none", "--volume=" + data + ":/data"};
  for (const std::string label : {"project=chain", "container-number=1", "oneoff=False"})
    words.push_back("--label=com.docker.compose." + label);
  words.push_back("--label=com.docker.compose.service=" + service);
  words.push_back("--label=com.docker.compose.depends_on=" + dependencies);
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "sh", "-c", command});
  Dockerd().Docker(words);
}

}  // namespace

// Both stopped at once, and the application started before its database was healthy.
TEST_CASE("A database is waited for by way of a migration that has ended") {
  const ScratchDirectory data;
  RunOfChain("db", "", data.path(), {"--health-cmd=test -e /data/ready", "--health-interval=300ms"},
             "stop=; trap stop=1 TERM; sleep 0.5; echo >/data/ready; "
             "while [ -z \"$stop\" ]; do sleep 0.1; done; rm /data/ready; echo db >>/data/ends");
  RunOfChain("migrate", "db:service_healthy:false", data.path(), {}, "true");
  RunOfChain("app", "migrate:service_completed_successfully:false", data.path(), {},
             "stop=; trap stop=1 TERM; test -e /data/ready || echo >/data/early; echo >/data/app; "
             "while [ -z \"$stop\" ]; do sleep 0.1; done; "
             "test -e /data/ready || echo >/data/late; echo app >>/data/ends");
  Dockerd().Docker({"wait", "chain_migrate_1"});
  const auto exists = [&](const char* file) { return std::filesystem::exists(data / file); };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!exists("app") || Dockerd().Docker({"inspect", "--format", "{{.State.Health.Status}}",
                                             "chain_db_1"}) != "healthy") {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::filesystem::remove(data / "early");
  LocalHost host("atena", Dockerd().Environment(Compose::kNone));
  ServiceConfig service;
  service.name = service.project = "chain";
  service.start_timeout = std::chrono::seconds(60);
  ComposeControl control(service);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  CHECK(exists("ends"));
  CHECK_FALSE(exists("late"));
  CHECK_FALSE(exists("ready"));
  REQUIRE_OK(control.Start(host, {}));
  CHECK_FALSE(exists("early"));
  Dockerd().Docker({"rm", "--force", "chain_app_1", "chain_migrate_1", "chain_db_1"});
}

TEST_CASE("Containers made anew between stop and start are the ones that run") {
  Project project(Compose::kNone);
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  for (const char* service : {"web", "db"}) Dockerd().Docker({"rm", project.Container(service)});
  CommandOptions options;
  options.directory = project.stack();
  MustRun({Dockerd().scratch() / "program/docker-compose", "--project-name", "wiki", "up",
           "--no-start"},
          options);
  REQUIRE_OK(control.Start(project.host, {}));
  CHECK(project.State("db") == "running");
  CHECK(project.State("web") == "running");
}

// It was left down.
TEST_CASE("Containers that docker prunes while they are stopped are made anew and run") {
  Project project(Compose::kProgram);
  ComposeControl control(project.service());
  REQUIRE_OK(control.Inspect(project.host, {}));
  REQUIRE_OK(control.Stop(project.host, {}));
  Dockerd().Docker({"container", "prune", "--force"});
  REQUIRE_OK(control.Start(project.host, {}));
  CHECK(project.State("db") == "running");
  CHECK(project.State("web") == "running");
  REQUIRE_OK(control.JudgeAfterStart(project.host, {}));
  const auto warnings = ValueOf(control.LookAgain(project.host, {}));
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with("containers wiki_db_1, wiki_web_1 were removed"));
}

// No registry hands it out: nobody listens at that port.
TEST_CASE("An image that is gone with its container is told and recover makes it once it is back") {
  const std::string image = "127.0.0.1:1/gone";
  Dockerd().Docker({"tag", "busybox", image});
  Dockerd().Up("gone", Dockerd().scratch() / "gone",
               "version: '2.4'\nservices:\n  db: {image: '" + image +
                   "', network_mode: none, stop_signal: KILL, command: [sleep, '1000']}\n");
  ServiceConfig service;
  service.name = service.project = "gone";
  service.host = "atena";
  LocalHost host("atena", Dockerd().Environment(Compose::kProgram));
  ComposeControl control(service);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  Dockerd().Docker({"rm", "gone_db_1"});
  Dockerd().Docker({"image", "rm", image});
  const auto started = control.Start(host, {});
  REQUIRE_FALSE(started);
  const std::string& said = started.error().message;
  INFO(said);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(said.find(image) != std::string::npos);
  CHECK(said.find("its image is gone from atena, too") != std::string::npos);

  // What it tells to run is of this project, and asks for that image.
  const size_t begin = said.find("Run `cd / ");
  REQUIRE(begin != std::string::npos);
  const size_t command = begin + std::string("Run `").size();
  const auto pulled = host.Run(said.substr(command, said.find('`', command) - command), {}, {});
  REQUIRE(pulled);
  CHECK(pulled->exit_status != 0);
  CHECK((pulled->out + pulled->err).find("127.0.0.1:1") != std::string::npos);

  Dockerd().Docker({"tag", "busybox", image});
  ComposeControl again(service);
  REQUIRE_OK(again.Recall(control.Memory()));
  REQUIRE_OK(again.Start(host, {}));
  CHECK(Dockerd().Docker({"inspect", "--format", "{{.State.Status}}", "gone_db_1"}) == "running");
  Dockerd().Docker({"rm", "--force", "gone_db_1"});
  Dockerd().Docker({"image", "rm", image});
}

TEST_CASE("A paused container is refused, and runs on once unpaused") {
  Project project(Compose::kNone);
  Dockerd().Docker({"pause", project.Container("web")});
  ComposeControl control(project.service());
  const auto found = control.Inspect(project.host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
  Dockerd().Docker({"unpause", project.Container("web")});
}

TEST_CASE("An unknown project is not found, with those that there are") {
  Project project(Compose::kNone, "blog");
  auto config = project.service();
  config.project = "blgo";
  ComposeControl control(config);
  const auto found = control.Inspect(project.host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kNotFound);
  CHECK(found.error().message.find("projects there: blog") != std::string::npos);
}

TEST_CASE("A dockerd that is away says what to do") {
  auto environment = Dockerd().Environment(Compose::kNone);
  const ScratchDirectory bin;
  MustRunShell("printf '#!/bin/sh\\nexport DOCKER_HOST=unix:///nonexistent\\nexec " +
               MustRunShell("command -v docker | tr -d '\\n'") + " \"$@\"\\n' >" +
               (bin / "docker").string() + "; chmod +x " + (bin / "docker").string());
  environment["PATH"] = bin.path().string() + ":" + environment["PATH"];
  LocalHost host("atena", environment);
  ServiceConfig config;
  config.project = "wiki";
  ComposeControl control(config);
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
  CHECK(found.error().message.find("daemon does not run") != std::string::npos);
}

}  // namespace orcio::test

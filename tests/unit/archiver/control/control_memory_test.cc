// What outlives the process that stopped a service: what it remembers, and what the guard would
// run.

#include <fstream>

#include "archiver/control/command_control.h"
#include "archiver/control/compose_control.h"
#include "archiver/control/systemd_control.h"
#include "base/text/words.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_docker.h"

namespace orcio {
namespace {

using test::FakeDocker;
using test::FakeHost;

constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                             std::chrono::milliseconds(1)};

ServiceConfig Service(ControlKind control) {
  ServiceConfig service;
  service.name = service.project = "wiki";
  service.host = "atena";
  service.control = control;
  service.units = {"vpn-db.service", "vpn.service"};
  service.stop_command = "stop-it";
  service.start_command = "start-it 'now'";
  service.status_command = "runs-it";
  service.start_timeout = std::chrono::seconds(20);
  return service;
}

FakeDocker::Container Db() {
  return {.id = "1", .service = "db", .depends_on = ""};
}
FakeDocker::Container Web() {
  return {.id = "2", .service = "web", .depends_on = "db:service_healthy:true"};
}
FakeDocker::Container StoppedJob() {
  return {.id = "3", .service = "job", .status = "exited", .depends_on = ""};
}

// A service in files: each part that runs is a file. `docker`, `systemctl` and the commands of
// Service() do to them what theirs would, and say so in the file `log`.
struct Parts {
  test::ScratchDirectory scratch;
  test::LocalHost host{"atena",
                       {{"PATH", scratch.path().string() + ":" + std::getenv("PATH")},
                        {"PARTS", scratch.path().string()}}};

  void Program(const std::string& name, const std::string& script) const {
    std::ofstream(scratch / name) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(scratch / name, std::filesystem::perms::owner_all);
  }
  void Runs(const std::string& part) const { std::ofstream(scratch / part).flush(); }
  [[nodiscard]] bool Up(const std::string& part) const {
    return std::filesystem::exists(scratch / part);
  }
  // What start_all leaves in `up` and `gone`.
  std::string StartAll(const ServiceControl& control) {
    const auto result =
        ValueOf(host.Run("in_session() { \"$@\"; }\nwithin() { shift; \"$@\"; }\n" +
                             control.StartScript() + "up=yes\ngone=\nstart_all\necho $up$gone\n",
                         {}, {}));
    INFO(result.err);
    CHECK(result.exit_status == 0);
    CHECK(result.err.empty());
    return result.out;
  }
};

}  // namespace

TEST_CASE("A compose project is started by what another process remembers of it") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web(), StoppedJob()});
  docker.Of("db").health = "healthy";
  ComposeControl first(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(first.Inspect(host, {}));
  REQUIRE_OK(first.Stop(host, {}));
  const std::string memory = first.Memory();
  docker.stopped.clear();

  ComposeControl second(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(second.Recall(memory));
  CHECK(second.Running() == first.Running());
  REQUIRE_OK(second.Start(host, {}));
  CHECK(docker.started == "12");
  CHECK(docker.stopped.empty());
  CHECK(docker.Of("job").status == "exited");
}

TEST_CASE("Containers made anew since are found by another process too") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web()});
  ComposeControl first(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(first.Inspect(host, {}));
  REQUIRE_OK(first.Stop(host, {}));
  docker.Of("web").id = "7";
  ComposeControl second(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(second.Recall(first.Memory()));
  REQUIRE_OK(second.Start(host, {}));
  CHECK(docker.started == "17");
}

TEST_CASE("A stop that may go on is finished before another process starts anything") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web()});
  ComposeControl first(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(first.Inspect(host, {}));
  ComposeControl second(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(second.Recall(first.Memory()));
  second.StopMayGoOn();
  REQUIRE_OK(second.Start(host, {}));
  CHECK(docker.stopped.size() == 2);
  CHECK(docker.started == "12");
}

TEST_CASE("Memories that make no sense are refused") {
  const auto memory = GENERATE(as<std::string>(), "", "[", "[1]", "[{\"id\":1}]", "{\"a\":[]}",
                               "[{\"unit\":\"a.service\",\"activating\":1}]",
                               "[{\"unit\":\"a.service\",\"activating\":true,\"joined\":1}]",
                               "[{\"unit\":\"a.service\",\"activating\":true,\"group\":\"\"}]");
  ComposeControl compose(Service(ControlKind::kCompose));
  CHECK_FALSE(compose.Recall(memory).has_value());
  SystemdControl systemd(Service(ControlKind::kSystemd));
  CHECK_FALSE(systemd.Recall(memory).has_value());
}

TEST_CASE("A container started while its volumes were read is noticed, whichever of the project") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web(), StoppedJob()});
  ComposeControl control(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.ConfirmAtRest(host, {}));
  std::string name = "wiki_web_1";
  SECTION("one that was stopped, and runs") {
    docker.Of("web").status = "running";
    docker.Of("web").started = "2026-01-03T00:00:00Z";
  }
  SECTION("one that was stopped, has run and has ended") {
    docker.Of("web").started = "2026-01-03T00:00:00Z";
  }
  SECTION("one that did not run before") {
    name = "wiki_job_1";
    docker.Of("job").started = "2026-01-03T00:00:00Z";
  }
  SECTION("a new one") {
    name = "wiki_web_2";
    auto another = Web();
    another.id = "9";
    another.number = "2";
    docker.containers.push_back(another);
  }
  const auto at_rest = control.ConfirmAtRest(host, {});
  REQUIRE_FALSE(at_rest);
  CHECK(at_rest.error().kind == ErrorKind::kRemote);
  CHECK(at_rest.error().message.find(name) != std::string::npos);
}

TEST_CASE("Of a project that was down, whatever is started while its volumes are read is noticed") {
  FakeHost host;
  FakeDocker docker(host, {StoppedJob()});
  auto service = Service(ControlKind::kCompose);
  service.mode = GENERATE(Mode::kStop, Mode::kPause);
  const auto control = MakeServiceControl(service);
  REQUIRE_OK(control->Inspect(host, {}));
  CHECK(control->Running().empty());
  REQUIRE_OK(control->ConfirmAtRest(host, {}));
  SECTION("and has ended") {
    docker.Of("job").started = "2026-01-03T00:00:00Z";
  }
  SECTION("and is new") {
    docker.containers.push_back(Web());
  }
  CHECK_FALSE(control->ConfirmAtRest(host, {}).has_value());
}

// Went by unseen: nothing of it is left to be looked at.
TEST_CASE("A container that was run and removed while the volumes were read is noticed") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web()});
  auto service = Service(ControlKind::kCompose);
  service.mode = GENERATE(Mode::kStop, Mode::kPause);
  const bool running = GENERATE(true, false);
  for (auto& container : docker.containers) container.status = running ? "running" : "exited";
  const auto control = MakeServiceControl(service);
  REQUIRE_OK(control->Inspect(host, {}));
  if (running) REQUIRE_OK(control->Stop(host, {}));
  docker.now = "1772000009.5";
  REQUIRE_OK(control->ConfirmAtRest(host, {}));
  SECTION("by docker's own record") {
    docker.events = GENERATE("start wiki_job_run_1\n", "unpause wiki_job_run_1\n");
    const auto at_rest = control->ConfirmAtRest(host, {});
    REQUIRE_FALSE(at_rest);
    CHECK(at_rest.error().kind == ErrorKind::kRemote);
    CHECK(at_rest.error().message.find("wiki_job_run_1") != std::string::npos);
  }
  SECTION("but not where docker has no record") {
    host.On("docker events", "start wiki_job_run_1\n", 1, "since time cannot be after until time");
    REQUIRE_OK(control->ConfirmAtRest(host, {}));
  }
  SECTION("but not by what makes no sense") {
    docker.events = "hello\nstart\n\nstart a b\n";
    REQUIRE_OK(control->ConfirmAtRest(host, {}));
  }
}

TEST_CASE(
    "Of a host whose clock tells whole seconds, docker's record counts from the next one on") {
  FakeHost host;
  FakeDocker docker(host, {StoppedJob()});
  // As busybox prints it, and others may.
  const std::string fraction = GENERATE(as<std::string>(), ".%N", "", ".");
  docker.now = "1772000000" + fraction;
  host.On("docker events --since 1772000001.000000000 --until 1772000009.000000000",
          "start wiki_run\n");
  ComposeControl control(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  docker.now = "1772000009" + fraction;
  CHECK_FALSE(control.ConfirmAtRest(host, {}).has_value());
}

TEST_CASE("A container that was made meanwhile and never started is no harm") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web()});
  ComposeControl control(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  auto another = Web();
  another.id = "9";
  another.status = "created";
  another.started = "0001-01-01T00:00:00Z";
  docker.containers.push_back(another);
  CHECK(control.ConfirmAtRest(host, {}).has_value());
}

TEST_CASE("A guard starts the containers that ran, those that were made anew, and no other") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web(), StoppedJob()});
  ComposeControl control(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  Parts parts;
  // db is there under its id, web under another one.
  parts.Program("docker", R"(case $* in
  "inspect "*" 1111111111111111111111111111111111111111111111111111111111111111") id=1111;;
  "inspect "*" abcd") id=abcd;;
  "ps "*service=web*number=1*) echo abcd; exit;;
  "start "*) : >"$PARTS/$2"; echo "$2" >>"$PARTS/started"; exit;;
  *) exit 1;;
esac
if [ -e "$PARTS/$id" ]; then echo "$id running"; else echo "$id exited"; fi
)");
  CHECK(parts.StartAll(control) == "no\n");
  CHECK(parts.Up("1111"));
  CHECK(parts.Up("abcd"));
  CHECK(parts.StartAll(control) == "yes\n");
  const auto started = ValueOf(ReadWholeFile(LocalFileSystem(), parts.scratch / "started", 100));
  CHECK(started.size() == std::string("1111\nabcd\n").size());
}

TEST_CASE("A guard starts what is left where containers are gone, and says which") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web()});
  ComposeControl control(Service(ControlKind::kCompose), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  Parts parts;
  // db is gone; docker answers as long as `answers` is there.
  parts.Program("docker", R"(id=$(eval echo \$$# | cut -c 1)
case $* in
  "inspect "*2) if [ -e "$PARTS/$id" ]; then echo "$id running"; else echo "$id exited"; fi;;
  "ps "*) [ -e "$PARTS/answers" ];;
  "start 2") : >"$PARTS/2";;
  *) exit 1;;
esac
)");
  CHECK(parts.StartAll(control) == "no\n");  // nobody knows
  CHECK(parts.Up("2"));
  parts.Runs("answers");
  CHECK(parts.StartAll(control) == "yes db-1\n");
}

TEST_CASE("A guard unpauses what was paused, and starts what has ended since") {
  FakeHost host;
  FakeDocker docker(host, {Db(), Web(), StoppedJob()});
  auto service = Service(ControlKind::kCompose);
  service.mode = Mode::kPause;
  const auto control = MakeServiceControl(service);
  REQUIRE_OK(control->Inspect(host, {}));
  Parts parts;
  // db is paused, web has ended.
  parts.Program("docker", R"(id=$(eval echo \$$# | cut -c 1)
case $* in
  "inspect "*)
    state=exited
    [ ! -e "$PARTS/paused$id" ] || state=paused
    [ ! -e "$PARTS/$id" ] || state=running
    echo "$id $state";;
  "unpause $id") [ -e "$PARTS/paused$id" ] && mv "$PARTS/paused$id" "$PARTS/$id";;
  "start $id") [ ! -e "$PARTS/paused$id" ] && : >"$PARTS/$id";;
  *) exit 1;;
esac
)");
  parts.Runs("paused1");
  CHECK(parts.StartAll(*control) == "no\n");
  CHECK(parts.Up("1"));
  CHECK(parts.Up("2"));
  CHECK_FALSE(parts.Up("3"));
  CHECK(parts.StartAll(*control) == "yes\n");
}

TEST_CASE("A guard starts the units that ran, and no other") {
  Parts parts;
  parts.Program("systemctl", R"(case $* in
  is-active*) if [ -e "$PARTS/$3" ]; then echo active; else echo inactive; exit 3; fi;;
  "--no-block start -- "*) shift 3; echo "$*" >>"$PARTS/log"; for unit; do : >"$PARTS/$unit"; done;;
  *) exit 1;;
esac
)");
  SystemdControl control(Service(ControlKind::kSystemd));
  std::string all = "vpn.service";
  SECTION("one") {
    REQUIRE_OK(control.Recall(R"(["vpn.service"])"));
  }
  SECTION("several by one command, with what joined them") {
    REQUIRE_OK(control.Recall(R"(["vpn.socket","vpn.service","app.service"])"));
    parts.Runs("vpn.service");
    all = "vpn.socket vpn.service app.service";
  }
  CHECK(parts.StartAll(control) == "no\n");
  CHECK(parts.StartAll(control) == "yes\n");
  for (const auto& unit : Split(all, ' ')) CHECK(parts.Up(unit));
  CHECK_FALSE(parts.Up("vpn-db.service"));
  std::ifstream log(parts.scratch / "log");
  CHECK(std::string(std::istreambuf_iterator<char>(log), {}) == all + "\n");
}

// A oneshot that has done its work would be started again and again.
TEST_CASE("A guard starts once what was activating and is content with it however it ends") {
  Parts parts;
  parts.Program("systemctl", R"(case $* in
  is-active*) if [ -e "$PARTS/$3" ]; then echo active; else echo inactive; exit 3; fi;;
  "--no-block start -- "*) shift 3; echo "$*" >>"$PARTS/log"; [ ! -e "$PARTS/away" ] || exit 1
    for unit; do [ "$unit" = job.service ] || : >"$PARTS/$unit"; done;;
  *) exit 1;;
esac
)");
  SystemdControl control(Service(ControlKind::kSystemd));
  std::string memory = R"({"unit":"job.service","activating":true}])";
  std::string log;
  SECTION("beside others") {
    memory = R"(["vpn.service",)" + memory;
    log = "vpn.service\njob.service\n";
  }
  SECTION("alone") {
    memory = "[" + memory;
    log = "job.service\n";
  }
  REQUIRE_OK(control.Recall(memory));
  const auto result =
      ValueOf(parts.host.Run("within() { shift; \"$@\"; }\n" + control.StartScript() +
                                 "start_all\nup=yes\nstart_all\necho $up\n: "
                                 ">\"$PARTS/away\"\nactivated=\nstart_all\necho $up\n",
                             {}, {}));
  CHECK(result.err.empty());
  CHECK(result.out == "yes\nno\n");
  std::ifstream in(parts.scratch / "log");
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == log + "job.service\n");
}

// A job that ends by itself was started up to 400 times.
TEST_CASE("A guard starts what joined with the rest and does not wait for it") {
  Parts parts;
  parts.Program("systemctl", R"(case $* in
  is-active*) if [ -e "$PARTS/$3" ]; then echo active; else echo inactive; exit 3; fi;;
  "--no-block start -- "*) shift 3; echo "$*" >>"$PARTS/log"
    for unit; do [ "$unit" = job.service ] || : >"$PARTS/$unit"; done; [ ! -e "$PARTS/gone" ];;
  *) exit 1;;
esac
)");
  SystemdControl control(Service(ControlKind::kSystemd));
  REQUIRE_OK(control.Recall(R"([{"unit":"vpn.socket","activating":false,"joined":true,"group":0},
      {"unit":"vpn.service","activating":false,"joined":false,"group":0},
      {"unit":"job.service","activating":true,"joined":true,"group":0}])"));
  const std::string all = "vpn.socket vpn.service job.service\n";
  std::string log = all + "vpn.service\n";
  SECTION("once") {}
  SECTION("or twice if one is there no more") {
    parts.Runs("gone");
    log += all;
  }
  const auto result =
      ValueOf(parts.host.Run("within() { shift; \"$@\"; }\n" + control.StartScript() +
                                 "start_all\nup=yes\nstart_all\necho $up\nstart_all\necho $up\n",
                             {}, {}));
  CHECK(result.err.empty());
  CHECK(result.out == "yes\nyes\n");
  std::ifstream in(parts.scratch / "log");
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == log);
}

TEST_CASE("A guard runs the start command until the status command is content") {
  Parts parts;
  parts.Program("start-it", "[ \"$1\" = now ] && : >\"$PARTS/up\"\n");
  parts.Program("runs-it", "[ -e \"$PARTS/up\" ]\n");
  CommandControl control(Service(ControlKind::kCommands));
  REQUIRE_OK(control.Recall("true"));
  CHECK(parts.StartAll(control) == "no\n");
  CHECK(parts.StartAll(control) == "yes\n");
  parts.Program("start-it", "echo again >\"$PARTS/again\"\n");
  CHECK(parts.StartAll(control) == "yes\n");
  CHECK_FALSE(parts.Up("again"));
}

TEST_CASE("A unit started while its files were read is noticed") {
  FakeHost host;
  std::string active = "active";
  std::string entered = "100";
  host.On("systemctl show", [&](const std::string&) -> Result<CommandResult> {
    CommandResult result;
    result.out = "LoadState=loaded\nActiveState=" + active +
                 "\nSubState=x\nActiveEnterTimestampMonotonic=" + entered + "\n";
    return result;
  });
  host.On("systemctl --no-block stop", [&](const std::string&) -> Result<CommandResult> {
    active = "inactive";
    return CommandResult{};
  });
  auto service = Service(ControlKind::kSystemd);
  service.units = {"vpn.service"};
  SystemdControl control(service, kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.ConfirmAtRest(host, {}));
  SECTION("and running") {
    active = "active";
  }
  SECTION("and over again") {
    entered = "200";
  }
  CHECK_FALSE(control.ConfirmAtRest(host, {}).has_value());
}

// Went by unseen: only those that had been running were looked at.
TEST_CASE("A unit that was down and is started while the files are read is noticed") {
  FakeHost host;
  std::string answer =
      "LoadState=loaded\nActiveState=inactive\nSubState=dead\nInvocationID=1\n"
      "ActiveEnterTimestampMonotonic=100\n";
  host.On("systemctl show", [&](const std::string&) -> Result<CommandResult> {
    CommandResult result;
    result.out = answer;
    return result;
  });
  auto service = Service(ControlKind::kSystemd);
  service.units = {"vpn.service"};
  SystemdControl control(service, kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  CHECK(control.Running().empty());
  REQUIRE_OK(control.ConfirmAtRest(host, {}));
  bool noticed = true;
  SECTION("and runs") {
    answer = "LoadState=loaded\nActiveState=active\nSubState=running\nInvocationID=1\n";
  }
  SECTION("and has ended") {
    answer =
        "LoadState=loaded\nActiveState=inactive\nSubState=dead\nInvocationID=2\n"
        "ActiveEnterTimestampMonotonic=200\n";
  }
  SECTION("and has failed before it was active") {
    answer =
        "LoadState=loaded\nActiveState=failed\nSubState=failed\nInvocationID=2\n"
        "ActiveEnterTimestampMonotonic=100\n";
  }
  SECTION("but not one that systemd has merely forgotten") {
    answer =
        "LoadState=loaded\nActiveState=inactive\nSubState=dead\nInvocationID=\n"
        "ActiveEnterTimestampMonotonic=0\n";
    noticed = false;
  }
  CHECK(control.ConfirmAtRest(host, {}).has_value() == !noticed);
}

TEST_CASE("A status command that says it runs of what was down before is heard") {
  FakeHost host;
  host.On("runs-it", "", 1);
  CommandControl control(Service(ControlKind::kCommands));
  REQUIRE_OK(control.Inspect(host, {}));
  CHECK(control.Running().empty());
  REQUIRE_OK(control.ConfirmAtRest(host, {}));
  host.On("runs-it", "", 0);
  CHECK_FALSE(control.ConfirmAtRest(host, {}).has_value());
}

TEST_CASE("A status command that says it runs, after the stream, is heard") {
  FakeHost host;
  host.On("runs-it", "", 0);
  CommandControl control(Service(ControlKind::kCommands));
  REQUIRE_OK(control.Inspect(host, {}));
  CHECK_FALSE(control.ConfirmAtRest(host, {}).has_value());
  host.On("runs-it", "", 1);
  CHECK(control.ConfirmAtRest(host, {}).has_value());
}

}  // namespace orcio

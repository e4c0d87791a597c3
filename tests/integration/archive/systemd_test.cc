// What orcio does with a real systemd: the guard that it keeps, and the units that orcio stops and
// starts.
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "archiver/control/systemd_control.h"
#include "archiver/host/shell_quote.h"
#include "archiver/safety/guard.h"
#include "base/random_token.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/systemd_fixture.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;
using Mark = GuardState::Mark;

constexpr std::chrono::seconds kAsk{30};

bool Await(const std::function<bool()>& condition) {
  for (const auto end = Clock::now() + std::chrono::minutes(2); Clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

// A guard whose service is a file, and a program that goes on running.
struct GuardScene {
  test::SystemdFixture systemd;
  std::unique_ptr<RemoteHost> host = systemd.Host();
  GuardPlan plan;
  std::string unit;

  // Of so long a silence that a busy machine does what comes before the guard is to fire.
  explicit GuardScene(std::chrono::seconds silence = std::chrono::seconds(15)) {
    plan.token = RandomToken();
    plan.service = "wiki";
    plan.silence = silence;
    plan.start =
        "start_all() {\n  [ -e /run/up ] || { up=no; sleep 1000 & echo $! >>/run/up; }\n}\n"
        "finish_stop() { :; }\n";
    unit = "orcio-guard-" + plan.token + ".service";
  }

  // orcio is silent once the service has stopped.
  void LetFire() {
    GuardedHost guarded(*host, plan.token);
    REQUIRE_OK(guarded.Run("true", {}, {}));
    REQUIRE(Await([&] {
      const auto state = Ask(TakeCommand(plan.token));
      return state.mark == Mark::kFired && !state.at_work();
    }));
  }

  GuardState Ask(const std::string& command) { return ValueOf(AskGuard(*host, command, kAsk, {})); }
  [[nodiscard]] std::string Property(const std::string& name) const {
    return systemd.Must("systemctl show --value --property=" + name + " " + unit);
  }
  [[nodiscard]] bool HasDirectory() const {
    return systemd.Succeeds("[ -d /run/orcio-guard-" + plan.token + " ]");
  }
};

// A host whose sessions begin with a line of their start-up files.
struct Login : RemoteHost {
  Login(RemoteHost& machine, std::string line) : machine_(machine), line_(std::move(line)) {}
  [[nodiscard]] const std::string& name() const override { return machine_.name(); }
  Result<void> Connect(const std::stop_token& stop) override { return machine_.Connect(stop); }
  void Disconnect() override { machine_.Disconnect(); }
  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    return machine_.Run(line_ + "\n" + command, options, stop);
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    return machine_.Stream(line_ + "\n" + command, sink, options, stop);
  }

 private:
  RemoteHost& machine_;
  const std::string line_;
};

// For tests whose units are no other test's: one takes a second to begin and to end.
const test::SystemdFixture& Systemd() {
  static const test::SystemdFixture systemd;
  return systemd;
}

ServiceConfig Service(std::vector<std::string> units) {
  ServiceConfig service;
  service.name = "vpn";
  service.host = "atena";
  service.control = ControlKind::kSystemd;
  service.units = std::move(units);
  service.start_timeout = std::chrono::seconds(20);
  service.stop_timeout = std::chrono::seconds(20);
  return service;
}

}  // namespace

TEST_CASE("Where systemd is, it keeps the guard, which starts the service once orcio is silent") {
  GuardScene scene;
  REQUIRE_OK(ArmGuard(*scene.host, scene.plan, {}));
  CHECK(scene.Property("ActiveState") == "active\n");
  scene.LetFire();
  // What the guard started outlives it and its unit.
  REQUIRE(Await([&] { return scene.Property("ActiveState") == "inactive\n"; }));
  CHECK(scene.systemd.Succeeds("kill -0 $(cat /run/up)"));
  scene.Ask(RemoveCommand(scene.plan.token));
  CHECK_FALSE(scene.HasDirectory());
}

TEST_CASE("A guard that systemd keeps asks the docker daemon that its session would") {
  GuardScene scene;
  scene.plan.start =
      "start_all() { in_session sh -c 'echo $DOCKER_CONTEXT $DOCKER_TLS_VERIFY $HOME $PWD "
      ">/run/session'; }\nfinish_stop() { :; }\n";
  Login login(*scene.host,
              "export DOCKER_CONTEXT=far DOCKER_TLS_VERIFY=1 HOME=/root; cd /usr || exit");
  REQUIRE_OK(ArmGuard(login, scene.plan, {}));
  CHECK(scene.Property("ActiveState") == "active\n");
  scene.LetFire();
  CHECK(scene.systemd.Must("cat /run/session") == "far 1 /root /usr\n");
  scene.Ask(RemoveCommand(scene.plan.token));
}

TEST_CASE("A guard without its session's environment asks the docker daemon of the session") {
  GuardScene scene;
  scene.plan.start =
      "start_all() { within 60 sh -c 'echo $DOCKER_HOST $DOCKER_CONFIG >/run/session'; }\n"
      "finish_stop() { :; }\n";
  scene.systemd.Must(
      "mkdir /run/without; printf '#!/bin/sh\\nexit 1\\n' >/run/without/env; "
      "chmod +x /run/without/env");
  Login login(*scene.host,
              "export PATH=/run/without:$PATH DOCKER_HOST=unix:///run/far DOCKER_CONFIG='/root/my "
              "docker'");
  REQUIRE_OK(ArmGuard(login, scene.plan, {}));
  CHECK(scene.Property("ActiveState") == "active\n");
  CHECK_FALSE(
      scene.systemd.Succeeds("[ -e /run/orcio-guard-" + scene.plan.token + "/environment ]"));
  scene.LetFire();
  CHECK(scene.systemd.Must("cat /run/session") == "unix:///run/far /root/my docker\n");
  scene.Ask(RemoveCommand(scene.plan.token));
}

TEST_CASE("A guard that systemd keeps is there again when it was killed, and is one") {
  GuardScene scene(std::chrono::seconds(30));
  REQUIRE_OK(ArmGuard(*scene.host, scene.plan, {}));
  GuardedHost guarded(*scene.host, scene.plan.token);
  REQUIRE_OK(guarded.Run("true", {}, {}));
  const auto first = scene.Property("MainPID");
  scene.systemd.Must("kill -9 " + first);
  // orcio's sign comes before systemd has started it again.
  CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
  const std::string count = "grep -lsz " +
                            ShellQuote("orcio-guard-" + scene.plan.token + "/guard$") +
                            " /proc/[0-9]*/cmdline | wc -l";
  // Both have come by the time that systemd's one has; the one that is late has gone again.
  REQUIRE(Await([&] { return scene.Property("NRestarts") == "1\n"; }));
  REQUIRE(Await([&] { return scene.systemd.Must(count) == "1\n"; }));
  CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
  scene.Ask(RemoveCommand(scene.plan.token));
  CHECK(Await([&] { return scene.systemd.Must(count) == "0\n"; }));
  CHECK_FALSE(scene.systemd.Succeeds("[ -e /run/up ]"));
}

TEST_CASE("Units that run are stopped in reverse and started again and no others") {
  test::SystemdFixture systemd;
  for (const std::string name : {"db", "web", "idle"}) {
    // A moment passes before each says so: what is not waited for is overtaken.
    systemd.AddUnit(name + ".service", "[Service]\nExecStart=sleep 1000\nExecStartPost=sh -c '" +
                                           std::string(name == "db" ? "sleep 1; " : "") + "echo +" +
                                           name + " >>/run/log'\nExecStopPost=sh -c '" +
                                           (name == "web" ? "sleep 1; " : "") + "echo -" + name +
                                           " >>/run/log'\n");
  }
  systemd.Must("systemctl start db.service web.service && rm /run/log");
  const auto host = systemd.Host();
  SystemdControl control(Service({"db.service", "web.service", "idle.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  CHECK(control.Running() ==
        std::vector<std::string>{"web.service", "db.service"});  // as they stop
  REQUIRE_OK(control.Stop(*host, {}));
  CHECK_FALSE(systemd.Succeeds("systemctl is-active db.service"));
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  REQUIRE_OK(control.Start(*host, {}));
  CHECK(systemd.Must("cat /run/log") == "-web\n-db\n+db\n+web\n");
  CHECK(systemd.Succeeds("systemctl is-active db.service web.service"));
  CHECK_FALSE(systemd.Succeeds("systemctl is-active idle.service"));
}

// They stayed down, and nobody was told.
TEST_CASE("Units that systemd stops with the service are started again with it") {
  test::SystemdFixture systemd;
  systemd.AddUnit("db.service", "[Service]\nExecStart=sleep 1000\n");
  const auto add = [&](const std::string& name, const std::string& tie) {
    systemd.AddUnit(name, "[Unit]\n" + tie + "\n[Service]\nExecStart=sleep 1000\n");
  };
  add("app.service", "Requires=db.service\nAfter=db.service");
  add("worker.service", "BindsTo=app.service\nAfter=app.service");
  add("metrics.service", "PartOf=db.service");
  add("idle.service", "Requires=db.service\nAfter=db.service");
  systemd.Must("systemctl start db.service app.service worker.service metrics.service");
  const std::string all = "db.service app.service worker.service metrics.service";
  const auto host = systemd.Host();
  SystemdControl control(Service({"db.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  const auto running = control.Running();
  CHECK(std::set<std::string>(running.begin(), running.end()) ==
        std::set<std::string>{"db.service", "app.service", "worker.service", "metrics.service"});
  REQUIRE_OK(control.Stop(*host, {}));
  CHECK(systemd.Must("systemctl is-active " + all + " || :") ==
        "inactive\ninactive\ninactive\ninactive\n");
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  SECTION("by orcio") {
    REQUIRE_OK(control.Start(*host, {}));
  }
  SECTION("by what remembers of it") {
    SystemdControl other(Service({"db.service"}));
    REQUIRE_OK(other.Recall(control.Memory()));
    REQUIRE_OK(other.Start(*host, {}));
  }
  SECTION("by the guard") {
    const auto ran =
        host->Run("within() { shift; \"$@\"; }\n" + control.StartScript() + "start_all", {}, {});
    REQUIRE_OK(ran);
    CHECK(ValueOf(ran).exit_status == 0);
    REQUIRE(Await([&] {
      return systemd.Must("systemctl is-active " + all + " || :") ==
             "active\nactive\nactive\nactive\n";
    }));
  }
  CHECK(systemd.Must("systemctl is-active " + all + " || :") == "active\nactive\nactive\nactive\n");
  CHECK_FALSE(systemd.Succeeds("systemctl is-active idle.service"));
}

// The run ended with exit 20, and so did each recovery.
TEST_CASE("What joined the service and cannot run again is a warning") {
  test::SystemdFixture systemd;
  systemd.AddUnit("db.service", "[Service]\nExecStart=sleep 1000\n");
  systemd.AddUnit("once.service",
                  "[Unit]\nPartOf=db.service\nConditionPathExists=/run/first\n"
                  "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n");
  systemd.Must("touch /run/first && systemctl start db.service once.service && rm /run/first");
  systemd.Must("systemd-run --quiet --unit=transient --property=PartOf=db.service sleep 1000");
  const auto host = systemd.Host();
  SystemdControl control(Service({"db.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  CHECK(control.Running().size() == 3);
  REQUIRE_OK(control.Stop(*host, {}));
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  SystemdControl recalled(Service({"db.service"}));
  REQUIRE_OK(recalled.Recall(control.Memory()));
  for (SystemdControl* one : {&control, &recalled}) {
    REQUIRE_OK(one->Start(*host, {}));
    CHECK(systemd.Succeeds("systemctl is-active db.service"));
    const auto warnings = ValueOf(one->LookAgain(*host, {}));
    REQUIRE(warnings.size() == 2);
    const std::string both = warnings[0] + warnings[1];
    CHECK(both.find("unit once.service") != std::string::npos);
    CHECK(both.find("unit transient.service") != std::string::npos);
  }
}

// As Debian has it of PostgreSQL: what the configuration names runs nothing itself, and is down at
// once.
TEST_CASE("A wrapper has stopped when what it stands for has and is up when that is") {
  const auto& systemd = Systemd();
  systemd.AddUnit("pg.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n");
  systemd.AddUnit("pg@.service",
                  "[Unit]\nPartOf=pg.service\nBefore=pg.service\n"
                  "[Service]\nExecStartPre=test -e /run/good\nExecStart=sleep 1000\n"
                  "ExecStop=sh -c 'sleep 3 && touch /run/checkpoint'\n");
  // Each section has what the one before it left.
  systemd.Must("systemctl reset-failed; rm -f /run/checkpoint");
  systemd.Must("touch /run/good && systemctl start pg.service pg@main.service");
  const auto host = systemd.Host();
  SystemdControl control(Service({"pg.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  CHECK(control.Running() == std::vector<std::string>{"pg.service", "pg@main.service"});
  REQUIRE_OK(control.Stop(*host, {}));
  CHECK(systemd.Succeeds("[ -e /run/checkpoint ]"));
  CHECK(systemd.Must("systemctl is-active pg@main.service || :") == "inactive\n");
  SECTION("which it is") {
    REQUIRE_OK(control.Start(*host, {}));
    CHECK(systemd.Succeeds("systemctl is-active pg@main.service"));
  }
  SECTION("which it is not") {
    systemd.Must("rm /run/good");
    const auto started = control.Start(*host, {});
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == ErrorKind::kNotRunning);
    CHECK(started.error().message.find("pg@main.service") != std::string::npos);
  }
  SECTION("and is not at rest while that is up") {
    systemd.Must("systemctl start pg@main.service");
    CHECK_FALSE(control.ConfirmAtRest(*host, {}).has_value());
  }
}

// systemd starts no socket whose service runs.
TEST_CASE(
    "A socket is down with its service and up again with it in whatever order they are named") {
  const auto units = GENERATE(std::vector<std::string>{"x.service"},
                              std::vector<std::string>{"x.service", "x.socket"},
                              std::vector<std::string>{"x.socket", "x.service"});
  const auto& systemd = Systemd();
  systemd.AddUnit("x.socket", "[Socket]\nListenStream=/run/x\n");
  systemd.AddUnit("x.service", "[Service]\nExecStart=sleep 1000\n");
  systemd.Must("systemctl start x.socket && systemctl start x.service");
  const auto host = systemd.Host();
  SystemdControl control(Service(units));
  REQUIRE_OK(control.Inspect(*host, {}));
  CHECK(control.Running() == std::vector<std::string>{"x.socket", "x.service"});
  REQUIRE_OK(control.Stop(*host, {}));
  CHECK(systemd.Must("systemctl is-active x.socket x.service || :") == "inactive\ninactive\n");
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  REQUIRE_OK(control.Start(*host, {}));
  CHECK(systemd.Must("systemctl is-active x.socket x.service || :") == "active\nactive\n");
}

// It was waited for until start_timeout, for neither is ever active.
TEST_CASE(
    "A oneshot at its work and a unit that keeps failing are started again and are so again") {
  const auto& systemd = Systemd();
  systemd.AddUnit("job.service", "[Service]\nType=oneshot\nExecStart=sleep 1000\n");
  systemd.AddUnit("loop.service", "[Service]\nExecStart=false\nRestart=always\nRestartSec=1h\n");
  systemd.Must("systemctl --no-block start job.service loop.service");
  REQUIRE(Await([&] {
    return systemd.Must("systemctl show --value --property=SubState job.service loop.service") ==
           "start\n\nauto-restart\n";
  }));
  const auto host = systemd.Host();
  SystemdControl control(Service({"job.service", "loop.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  REQUIRE_OK(control.Stop(*host, {}));
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  REQUIRE_OK(control.Start(*host, {}));
  CHECK(systemd.Must("systemctl is-active job.service loop.service || :") ==
        "activating\nactivating\n");
}

TEST_CASE("A unit that somebody starts while it is archived is noticed") {
  const auto& systemd = Systemd();
  systemd.AddUnit("started.service", "[Service]\nExecStart=sleep 1000\n");
  systemd.Must("systemctl start started.service");
  const auto host = systemd.Host();
  SystemdControl control(Service({"started.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  REQUIRE_OK(control.Stop(*host, {}));
  systemd.Must("systemctl start started.service");
  CHECK_FALSE(control.ConfirmAtRest(*host, {}).has_value());
}

// Only units that had been running were looked at.
TEST_CASE("A unit that was down, is started while it is archived and has failed is noticed") {
  const auto& systemd = Systemd();
  systemd.AddUnit("quiet.service", "[Service]\nExecStart=sleep 1000\n");
  // One that ends well is forgotten at once where nothing refers to it.
  systemd.AddUnit("down.service", "[Service]\nType=oneshot\nExecStart=false\n");
  systemd.Must("systemctl start quiet.service");
  const auto host = systemd.Host();
  SystemdControl control(Service({"quiet.service", "down.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  CHECK(control.Running() == std::vector<std::string>{"quiet.service"});
  REQUIRE_OK(control.Stop(*host, {}));
  REQUIRE_OK(control.ConfirmAtRest(*host, {}));
  CHECK_FALSE(systemd.Succeeds("systemctl start down.service"));
  CHECK_FALSE(systemd.Succeeds("systemctl is-active down.service"));
  const auto at_rest = control.ConfirmAtRest(*host, {});
  REQUIRE_FALSE(at_rest);
  CHECK(at_rest.error().message.find("down.service") != std::string::npos);
}

TEST_CASE("A unit that does not come up again is an error that says so") {
  const auto& systemd = Systemd();
  // systemd has it for one that runs no sooner than it is sure to.
  systemd.AddUnit("late.service",
                  "[Service]\nExecStartPre=test -e /run/late\nExecStart=sleep 1000\n");
  systemd.Must("touch /run/late && systemctl start late.service");
  const auto host = systemd.Host();
  SystemdControl control(Service({"late.service"}));
  REQUIRE_OK(control.Inspect(*host, {}));
  REQUIRE_OK(control.Stop(*host, {}));
  systemd.Must("rm /run/late");
  const auto started = control.Start(*host, {});
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("late.service") != std::string::npos);
  systemd.Must("touch /run/late");
  REQUIRE_OK(control.Start(*host, {}));
  CHECK(systemd.Succeeds("systemctl is-active late.service"));
}

}  // namespace orcio

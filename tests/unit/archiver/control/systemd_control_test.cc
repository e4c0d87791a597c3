#include "archiver/control/systemd_control.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "base/text/words.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::FakeHost;

constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                             std::chrono::milliseconds(1)};

ServiceConfig Vpn() {
  ServiceConfig service;
  service.name = "vpn";
  service.host = "atena";
  service.control = ControlKind::kSystemd;
  service.units = {"vpn-db.service", "vpn.service"};
  service.start_timeout = std::chrono::seconds(5);
  service.stop_timeout = std::chrono::seconds(1);
  return service;
}

// systemd, with the answers that version 252 gives.
struct FakeSystemd {
  struct Unit {
    std::string load = "loaded";
    std::string active = "active";
    std::string sub = "running";
    bool starts = true;
    bool stops = true;
    std::string more = {};  // properties
  };
  FakeHost host;
  std::map<std::string, Unit> units{{"vpn-db.service", {}}, {"vpn.service", {}}};
  std::string log;  // "-unit" for each one that is to stop, "+unit" for each that is to start

  FakeSystemd() {
    host.On("systemctl show", [this](const std::string& command) -> Result<CommandResult> {
      CommandResult result;
      for (const auto& name : Named(command)) {
        const Unit& unit = units.at(name);
        if (!result.out.empty()) result.out += "\n";
        result.out += "LoadState=" + unit.load + "\nActiveState=" + unit.active +
                      "\nSubState=" + unit.sub + "\nInvocationID=80eb1db4ffbf476eb5f1d4c8\n" +
                      unit.more;
      }
      return result;
    });
    host.On("systemctl --no-block stop", [this](const std::string& command) {
      for (const auto& name : Named(command)) {
        log += "-" + name + " ";
        Unit& unit = units.at(name);
        if (!unit.stops) continue;
        unit.active = "inactive";
        unit.sub = "dead";
      }
      return Result<CommandResult>(CommandResult{});
    });
    host.On("systemctl --no-block start", [this](const std::string& command) {
      for (const auto& name : Named(command)) {
        log += "+" + name + " ";
        Unit& unit = units.at(name);
        unit.active = unit.starts ? "active" : "failed";
        unit.sub = unit.starts ? "running" : "failed";
      }
      return Result<CommandResult>(CommandResult{});
    });
    host.On("journalctl", "vpn: cannot read /etc/vpn.conf\n");
  }

  static std::vector<std::string> Named(const std::string& command) {
    return Split(std::string_view(command).substr(command.find(" -- ") + 4), ' ');
  }
};

std::string Told(const Result<void>& result) {
  REQUIRE_FALSE(result);
  return result.error().message;
}

}  // namespace

// They stopped and started all at once: an application whose unit says nothing of its database
// found none.
TEST_CASE("Units stop one after another in the reverse of the configured order and start in it") {
  FakeSystemd systemd;
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.Running() == std::vector<std::string>{"vpn.service", "vpn-db.service"});
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-vpn.service -vpn-db.service ");
  systemd.log.clear();
  REQUIRE_OK(control.Start(systemd.host, {}));
  CHECK(systemd.log == "+vpn-db.service +vpn.service ");
  CHECK(systemd.host.Count("stop -- vpn.service") == 1);
  CHECK(systemd.host.Count("start -- vpn.service") == 1);
}

TEST_CASE("No unit stops before the one before it has or starts while there is hope for that one") {
  FakeSystemd systemd;
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  SECTION("stopped") {
    systemd.units["vpn.service"].stops = false;
    CHECK_FALSE(control.Stop(systemd.host, {}).has_value());
    CHECK(systemd.log == "-vpn.service ");
  }
  SECTION("started") {
    REQUIRE_OK(control.Stop(systemd.host, {}));
    systemd.log.clear();
    systemd.units["vpn-db.service"].starts = false;
    const auto started = control.Start(systemd.host, {});
    CHECK(Told(started).find("unit vpn-db.service") != std::string::npos);
    CHECK(systemd.log == "+vpn-db.service +vpn.service ");
    systemd.units["vpn-db.service"].starts = true;
    REQUIRE_OK(control.Start(systemd.host, {}));
  }
  SECTION("started by what remembers of it") {
    REQUIRE_OK(control.Stop(systemd.host, {}));
    systemd.log.clear();
    systemd.units["vpn-db.service"].starts = false;
    SystemdControl recalled(Vpn(), kQuick);
    REQUIRE_OK(recalled.Recall(control.Memory()));
    CHECK_FALSE(recalled.Start(systemd.host, {}).has_value());
    CHECK(systemd.log == "+vpn-db.service +vpn.service ");
  }
}

TEST_CASE("What joins a unit stops and starts by its command and what joins several by the last") {
  FakeSystemd systemd;
  systemd.units["vpn-db.service"].more = "RequiredBy=a.service both.service\n";
  systemd.units["vpn.service"].more = "RequiredBy=both.service\nTriggeredBy=vpn.socket\n";
  for (const std::string name : {"a.service", "both.service", "vpn.socket"})
    systemd.units[name] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.host.Count("stop -- vpn.socket both.service vpn.service") == 1);
  CHECK(systemd.host.Count("stop -- a.service vpn-db.service") == 1);
  CHECK(systemd.log == "-vpn.socket -both.service -vpn.service -a.service -vpn-db.service ");
  SystemdControl recalled(Vpn(), kQuick);
  REQUIRE_OK(recalled.Recall(control.Memory()));
  systemd.log.clear();
  REQUIRE_OK((GENERATE(false, true) ? control : recalled).Start(systemd.host, {}));
  CHECK(systemd.host.Count("start -- vpn-db.service a.service") == 1);
  CHECK(systemd.host.Count("start -- vpn.socket vpn.service both.service") == 1);
  CHECK(systemd.log == "+vpn-db.service +a.service +vpn.socket +vpn.service +both.service ");
}

TEST_CASE("Units stop and start in the order that systemd has and so do those that joined them") {
  FakeSystemd systemd;
  std::string stops;
  std::string starts;
  SECTION("listed the other way round") {
    systemd.units["vpn-db.service"].more = "After=network.target vpn.service\n";
    stops = "-vpn-db.service -vpn.service ";
    starts = "+vpn.service +vpn-db.service ";
  }
  SECTION("joined the one and after the other") {
    systemd.units["vpn-db.service"].more = "RequiredBy=a.service\n";
    systemd.units["a.service"].more = "After=vpn-db.service vpn.service\n";
    stops = "-a.service -vpn.service -vpn-db.service ";
    starts = "+vpn-db.service +vpn.service +a.service ";
  }
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == stops);
  SystemdControl recalled(Vpn(), kQuick);
  REQUIRE_OK(recalled.Recall(control.Memory()));
  systemd.log.clear();
  REQUIRE_OK((GENERATE(false, true) ? control : recalled).Start(systemd.host, {}));
  CHECK(systemd.log == starts);
}

// Started by what depends on it, its service would keep systemd from starting the socket.
TEST_CASE("A socket starts no later than what depends on its service") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = "RequiredBy=vpn-db.service\nTriggeredBy=vpn.socket\n";
  systemd.units["vpn.socket"] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-vpn.socket -vpn.service -vpn-db.service ");
  systemd.log.clear();
  REQUIRE_OK(control.Start(systemd.host, {}));
  CHECK(systemd.log == "+vpn.socket +vpn-db.service +vpn.service ");
}

TEST_CASE(
    "What systemd stops with a unit stops and starts with it and so does what stops with that") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = GENERATE(
      as<std::string>(), "RequiredBy=a.service b.service\n", "BoundBy=a.service b.service\n",
      "ConsistsOf=a.service b.service\n", "RequisiteOf=a.service\nPropagatesStopTo=b.service\n");
  systemd.units["a.service"] = {};
  // Down, but what depends on it stops all the same.
  systemd.units["b.service"] = {"loaded", "inactive", "dead",
                                true,     true,       "BoundBy=c.service vpn.service\n"};
  systemd.units["c.service"] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.Running() ==
        std::vector<std::string>{"c.service", "a.service", "vpn.service", "vpn-db.service"});
  CHECK(systemd.host.Count("systemctl show") == 3);
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-c.service -a.service -vpn.service -vpn-db.service ");
  systemd.log.clear();
  SECTION("and is waited for") {
    REQUIRE_OK(control.Start(systemd.host, {}));
    CHECK(systemd.log == "+vpn-db.service +vpn.service +a.service +c.service ");
  }
  SECTION("and is to be at rest, too") {
    systemd.units["c.service"].active = "active";
    CHECK(Told(control.ConfirmAtRest(systemd.host, {})).find("c.service") != std::string::npos);
  }
  SECTION("and is missed if it does not come up") {
    systemd.units["c.service"].starts = false;
    const auto started = control.Start(systemd.host, {});
    CHECK(Told(started).find("c.service") != std::string::npos);
    CHECK(started.error().kind == ErrorKind::kNotRunning);
  }
}

// It was not running for good: the journal stayed, and no archive was made any more.
TEST_CASE("What joined and does not return is told of and is no failure unless it failed") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = "RequiredBy=a.service\n";
  systemd.units["a.service"] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.Memory() ==
        R"(["vpn-db.service",{"activating":false,"group":1,"joined":false,"unit":"vpn.service"},)"
        R"({"activating":false,"group":1,"joined":true,"unit":"a.service"}])");
  REQUIRE_OK(control.Stop(systemd.host, {}));
  SystemdControl recalled(Vpn(), kQuick);
  REQUIRE_OK(recalled.Recall(control.Memory()));
  std::string state = "inactive";
  std::string load = "loaded";
  std::string away = "a.service";
  int status = 0;
  bool starts = true;
  SECTION("as its condition holds no longer") {}
  SECTION("as it is there no more") {
    load = "not-found";
    status = 5;
  }
  SECTION("as it failed") {
    state = "failed";
    starts = false;
  }
  SECTION("but not what is listed") {
    away = "vpn.service";
    starts = false;
  }
  systemd.host.On("systemctl --no-block start", [&](const std::string& command) {
    CommandResult result;
    for (const auto& name : FakeSystemd::Named(command)) {
      auto& unit = systemd.units.at(name);
      unit.active = name == away ? state : "active";
      if (name == away) unit.load = load;
      if (name == away) result.exit_status = status;
    }
    return Result<CommandResult>(result);
  });
  for (SystemdControl* one : {&control, &recalled}) {
    const auto started = one->Start(systemd.host, {});
    CHECK(started.has_value() == starts);
    if (!started) {
      CHECK(started.error().kind == ErrorKind::kNotRunning);
      CHECK(started.error().message.find("unit " + away) != std::string::npos);
    }
    const auto warnings = ValueOf(one->LookAgain(systemd.host, {}));
    REQUIRE(warnings.size() == (starts ? 1 : 0));
    if (!starts) continue;
    CHECK(warnings.front().find("unit a.service") != std::string::npos);
    CHECK(warnings.front().find("inactive (dead, " + load + ")") != std::string::npos);
    CHECK(ValueOf(one->LookAgain(systemd.host, {})).empty());
  }
}

TEST_CASE("What depends on a unit that does not run is left alone") {
  FakeSystemd systemd;
  systemd.units["vpn-db.service"] = {"loaded", "inactive",
                                     "dead",   true,
                                     true,     "RequiredBy=a.service\nTriggeredBy=vpn-db.socket\n"};
  systemd.units["a.service"] = {};
  systemd.units["vpn-db.socket"] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  SECTION("by itself") {
    CHECK(control.Running() == std::vector<std::string>{"vpn.service"});
  }
  SECTION("but not if its stop comes from another") {
    systemd.units["vpn.service"].more = "RequiredBy=vpn-db.service\n";
    SystemdControl again(Vpn(), kQuick);
    REQUIRE_OK(again.Inspect(systemd.host, {}));
    CHECK(again.Running() == std::vector<std::string>{"a.service", "vpn.service"});
  }
}

TEST_CASE("What would start a unit again stops before it and starts before it") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = "TriggeredBy=vpn.socket vpn.timer\n";
  systemd.units["vpn.socket"] = {};
  systemd.units["vpn.timer"] = {"loaded", "inactive", "dead"};
  auto service = Vpn();
  SECTION("if it is not listed") {}
  SECTION("if it is listed after it") {
    service.units = {"vpn-db.service", "vpn.service", "vpn.socket"};
  }
  SECTION("if it is listed before it") {
    service.units = {"vpn.socket", "vpn-db.service", "vpn.service"};
  }
  SystemdControl control(service, kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-vpn.socket -vpn.service -vpn-db.service ");
  systemd.log.clear();
  REQUIRE_OK(control.Start(systemd.host, {}));
  CHECK(systemd.log == "+vpn-db.service +vpn.socket +vpn.service ");
}

TEST_CASE("A target that stops with a unit is told of and not started") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = "RequiredBy=multi-user.target\n";
  systemd.units["multi-user.target"] = {};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.Running() == std::vector<std::string>{"vpn.service", "vpn-db.service"});
  REQUIRE(control.Warnings().size() == 1);
  CHECK(control.Warnings().front().find("multi-user.target stops with") != std::string::npos);
}

TEST_CASE("What could not be started again is not stopped") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].more = "RequiredBy=run-1.scope a.service\n";
  systemd.units["run-1.scope"] = {"loaded", "inactive", "dead"};
  systemd.units["a.service"] = {"loaded", "inactive", "dead"};
  std::string why;
  SECTION("a scope") {
    systemd.units["run-1.scope"].active = "active";
    why = "run-1.scope";
  }
  SECTION("a unit that nobody may start") {
    systemd.units["a.service"] = {"loaded", "active", "running", true, true, "CanStart=no\n"};
    why = "RefuseManualStart=";
  }
  SECTION("a unit that is masked by now") {
    systemd.units["a.service"] = {"masked", "active", "running", true, true, "CanStart=no\n"};
    why = "masked";
  }
  SystemdControl control(Vpn(), kQuick);
  const auto inspected = control.Inspect(systemd.host, {});
  CHECK(Told(inspected).find(why) != std::string::npos);
  CHECK(inspected.error().kind == ErrorKind::kUnsupported);
}

// It was waited for until its time was up, and the run ended with exit 20.
TEST_CASE("A unit that was activating is confirmed by being that again or by having ended well") {
  FakeSystemd systemd;
  auto& unit = systemd.units["vpn.service"];
  unit.active = "activating";
  unit.sub = GENERATE("auto-restart", "start");
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-vpn.service -vpn-db.service ");
  SystemdControl recalled(Vpn(), kQuick);
  REQUIRE_OK(recalled.Recall(control.Memory()));
  for (SystemdControl* starts : {&control, &recalled}) {
    for (const std::string ends : {"activating", "active", "inactive", "failed"}) {
      CAPTURE(ends);
      systemd.log.clear();
      systemd.host.On("systemctl --no-block start", [&](const std::string&) {
        systemd.log += "+";
        systemd.units["vpn-db.service"].active = "active";
        unit.active = ends;
        return Result<CommandResult>(CommandResult{});
      });
      CHECK(starts->Start(systemd.host, {}).has_value() == (ends != "failed"));
      CHECK(systemd.log == "++");
    }
  }
}

TEST_CASE("Names of units that are none are nonsense and endless ones are refused") {
  FakeSystemd systemd;
  auto kind = ErrorKind::kRemote;
  SECTION("none") {
    systemd.units["vpn.service"].more = "RequiredBy=\x1b[2J.service\n";
  }
  SECTION("endless") {
    kind = ErrorKind::kUnsupported;
    systemd.host.On("systemctl show", [](const std::string& command) -> Result<CommandResult> {
      CommandResult result;
      for (const auto& name : FakeSystemd::Named(command)) {
        result.out += "LoadState=loaded\nActiveState=active\nRequiredBy=a" + name + " b" + name;
        result.out += "\n\n";
      }
      return result;
    });
  }
  SystemdControl control(Vpn(), kQuick);
  const auto inspected = control.Inspect(systemd.host, {});
  REQUIRE_FALSE(inspected);
  CHECK(inspected.error().kind == kind);
}

TEST_CASE("A unit that was not active is neither stopped nor started") {
  FakeSystemd systemd;
  systemd.units["vpn-db.service"] = {"loaded", "inactive", "dead"};
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  REQUIRE_OK(control.Start(systemd.host, {}));
  CHECK(systemd.log == "-vpn.service +vpn.service ");
}

TEST_CASE("A unit that systemd does not know is not found") {
  FakeSystemd systemd;
  systemd.units["vpn.service"] = {"not-found", "inactive", "dead"};
  SystemdControl control(Vpn(), kQuick);
  const auto found = control.Inspect(systemd.host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kNotFound);
  CHECK(found.error().message.find("vpn.service") != std::string::npos);
}

TEST_CASE("A unit that fails to start is not running, with its last words") {
  FakeSystemd systemd;
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  REQUIRE_OK(control.Stop(systemd.host, {}));
  systemd.units["vpn.service"].starts = false;
  const auto started = control.Start(systemd.host, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("cannot read /etc/vpn.conf") != std::string::npos);
}

TEST_CASE("A unit that does not stop in time is an error") {
  FakeSystemd systemd;
  systemd.units["vpn.service"].stops = false;
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  const auto stopped = control.Stop(systemd.host, {});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kRemote);
}

// The configured limit is left out: ten minutes, if units have no more patience themselves.
TEST_CASE("How long a stop may take is what units say themselves") {
  for (const auto& [text, seconds] : std::map<std::string, int64_t>{{"1min 30s", 90},
                                                                    {"1h", 3600},
                                                                    {"1h 30min", 5400},
                                                                    {"1.500000s", 1},
                                                                    {"500ms", 0},
                                                                    {"1d 3h 46min 40s", 86400},
                                                                    {"99999999999y 1us", 86400}}) {
    CAPTURE(text);
    const auto span = ParseTimeSpan(text);
    REQUIRE(span);
    CHECK(span->count() == seconds);
  }
  for (const std::string text : {"", " ", "1", "s", "1.", "1 s", "-1s", "1sec", "1min ", "1min  2s",
                                 "99999999999999999999s", "1.5.s", "1s\n", "infinity"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseTimeSpan(text));
  }
  FakeSystemd systemd;
  auto service = Vpn();
  service.stop_timeout = std::chrono::seconds(0);
  SystemdControl control(service, kQuick);
  systemd.units["vpn.service"].more = "TimeoutStopUSec=1min 30s\n";
  int64_t limit = 600;
  SECTION("but ten minutes at least") {}
  SECTION("twice all of it") {
    systemd.units["vpn-db.service"].more = "TimeoutStopUSec=20min\n";
    limit = 2 * (1200 + 90);
  }
  // The service would be down for a day because of one process that does not end.
  SECTION("and an hour at most") {
    systemd.units["vpn-db.service"].more = "TimeoutStopUSec=10h\n";
    limit = 3600;
  }
  SECTION("and ten minutes for one that never gives up") {
    systemd.units["vpn-db.service"].more = "TimeoutStopUSec=infinity\n";
    limit = 2 * (600 + 90);
  }
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.StopLimit().count() == limit);
}

TEST_CASE("A host without systemd says so") {
  FakeHost host;
  SystemdControl control(Vpn(), kQuick);
  SECTION("without systemctl") {}
  SECTION("with systemctl, booted by something else") {
    host.On("systemctl", "", 1,
            "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
            "Failed to connect to bus: Host is down\n");
  }
  SECTION("with an answer that makes no sense") {
    host.On("systemctl", "\n\nActiveState\n=\n");
  }
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
}

TEST_CASE("The commands for systemd reach a systemctl in the PATH through a real shell") {
  const test::ScratchDirectory bin;
  // Units are files that hold their state.
  std::ofstream(bin / "systemctl") << "#!/bin/sh\n"
                                      "cd '" +
                                          bin.path().string() +
                                          "' || exit 1\n"
                                          "verb=$1; [ \"$verb\" = show ] || { shift; verb=$1; }\n"
                                          "while [ \"$1\" != -- ]; do shift; done; shift\n"
                                          "[ \"$verb\" = show ] || echo \"$verb $*\" >>log\n"
                                          "for unit; do case $verb in\n"
                                          "stop) echo inactive >\"$unit\";;\n"
                                          "start) echo active >\"$unit\";;\n"
                                          "show) printf 'LoadState=loaded\nActiveState=%s\n"
                                          "InvocationID=1\n\n' \"$(cat \"$unit\")\";;\n"
                                          "esac; done\n";
  std::filesystem::permissions(bin / "systemctl", std::filesystem::perms::owner_all);
  for (const auto& unit : Vpn().units) std::ofstream(bin / unit) << "active\n";
  test::LocalHost host("atena", {{"PATH", bin.path().string() + ":/usr/bin:/bin"}});
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.Start(host, {}));
  std::ifstream log(bin / "log");
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(line);
  CHECK(lines == std::vector<std::string>{"stop vpn.service", "stop vpn-db.service",
                                          "start vpn-db.service", "start vpn.service"});
}

}  // namespace orcio

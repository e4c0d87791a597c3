#include "archiver/control/systemd_control.h"

#include <filesystem>
#include <fstream>
#include <map>

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
  };
  FakeHost host;
  std::map<std::string, Unit> units{{"vpn-db.service", {}}, {"vpn.service", {}}};
  std::string log;  // "-unit" for each stop, "+unit" for each start

  FakeSystemd() {
    host.On("systemctl show", [this](const std::string& command) -> Result<CommandResult> {
      CommandResult result;
      for (const auto& [name, unit] : units) {
        if (command.find(" " + name) == std::string::npos) continue;
        if (!result.out.empty()) result.out += "\n";
        result.out += "LoadState=" + unit.load + "\nActiveState=" + unit.active +
                      "\nSubState=" + unit.sub + "\nInvocationID=80eb1db4ffbf476eb5f1d4c8\n";
      }
      return result;
    });
    host.On("systemctl --no-block stop", [this](const std::string& command) {
      auto& [name, unit] = Named(command);
      log += "-" + name + " ";
      if (unit.stops) unit = {"loaded", "inactive", "dead", unit.starts, unit.stops};
      return Result<CommandResult>(CommandResult{});
    });
    host.On("systemctl --no-block start", [this](const std::string& command) {
      auto& [name, unit] = Named(command);
      log += "+" + name + " ";
      unit.active = unit.starts ? "active" : "failed";
      unit.sub = unit.starts ? "running" : "failed";
      return Result<CommandResult>(CommandResult{});
    });
    host.On("journalctl", "vpn: cannot read /etc/vpn.conf\n");
  }

  std::pair<const std::string, Unit>& Named(const std::string& command) {
    for (auto& unit : units) {
      if (command.ends_with(" " + unit.first)) return unit;
    }
    throw std::runtime_error(command);
  }
};

}  // namespace

TEST_CASE("Units stop in the reverse of the configured order and start in it") {
  FakeSystemd systemd;
  SystemdControl control(Vpn(), kQuick);
  REQUIRE_OK(control.Inspect(systemd.host, {}));
  CHECK(control.Running() == std::vector<std::string>{"vpn.service", "vpn-db.service"});
  REQUIRE_OK(control.Stop(systemd.host, {}));
  CHECK(systemd.log == "-vpn.service -vpn-db.service ");
  systemd.log.clear();
  REQUIRE_OK(control.Start(systemd.host, {}));
  CHECK(systemd.log == "+vpn-db.service +vpn.service ");
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

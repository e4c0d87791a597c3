#include "archiver/control/command_control.h"

#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"

namespace orcio {
namespace {

using test::FakeHost;

ServiceConfig Dns() {
  ServiceConfig service;
  service.name = "dns";
  service.host = "atena";
  service.control = ControlKind::kCommands;
  service.stop_command = "rc-service dns stop";
  service.start_command = "rc-service dns start";
  service.stop_timeout = service.start_timeout = std::chrono::seconds(1);
  return service;
}

ServiceConfig DnsWithStatus() {
  auto service = Dns();
  service.status_command = "pgrep -x named";
  return service;
}

}  // namespace

TEST_CASE("Without a status command the service counts as running") {
  FakeHost host;
  host.On("sh -c rc-service dns stop", "");
  host.On("sh -c rc-service dns start", "");
  CommandControl control(Dns());
  REQUIRE_OK(control.Inspect(host, {}));
  CHECK(control.Running() == std::vector<std::string>{"dns"});
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.Start(host, {}));
  CHECK(host.Find("dns stop") < host.Find("dns start"));
}

TEST_CASE("A service whose status command fails is neither stopped nor started") {
  FakeHost host;
  host.On("pgrep", "", 1);
  CommandControl control(DnsWithStatus());
  REQUIRE_OK(control.Inspect(host, {}));
  CHECK(control.Running().empty());
  REQUIRE_OK(control.Stop(host, {}));
  REQUIRE_OK(control.Start(host, {}));
  CHECK(host.Count("rc-service") == 0);
}

TEST_CASE("A status command that the host does not have says nothing about the service") {
  FakeHost host;
  CommandControl control(DnsWithStatus());
  const auto found = control.Inspect(host, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kRemote);
}

TEST_CASE("The status command confirms stop and start") {
  FakeHost host;
  bool running = true;
  host.On("pgrep", [&](const std::string&) -> Result<CommandResult> {
    CommandResult result;
    result.exit_status = running ? 0 : 1;
    return result;
  });
  host.On("dns stop", [&](const std::string&) -> Result<CommandResult> {
    running = false;
    return CommandResult{};
  });
  host.On("dns start", "");
  CommandControl control(DnsWithStatus());
  REQUIRE_OK(control.Inspect(host, {}));
  REQUIRE_OK(control.Stop(host, {}));
  const auto started = control.Start(host, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
}

TEST_CASE("A service that runs on after its stop command is an error") {
  FakeHost host;
  host.On("pgrep", "");
  host.On("dns stop", "");
  CommandControl control(DnsWithStatus());
  REQUIRE_OK(control.Inspect(host, {}));
  const auto stopped = control.Stop(host, {});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kRemote);
}

TEST_CASE("Stop and start commands that fail are told with what they said") {
  FakeHost host;
  host.On("rc-service", "", 1, "rc-service: dns is crashed\n");
  CommandControl control(Dns());
  REQUIRE_OK(control.Inspect(host, {}));
  const auto stopped = control.Stop(host, {});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::kRemote);
  const auto started = control.Start(host, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::kNotRunning);
  CHECK(started.error().message.find("dns is crashed") != std::string::npos);
}

}  // namespace orcio

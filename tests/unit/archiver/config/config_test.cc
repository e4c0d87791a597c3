#include "archiver/config/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"
#include "tests/unit/archiver/config/config_lines.h"

namespace orcio {

using namespace test;
using std::chrono::seconds;

TEST_CASE("A configuration with every key is read") {
  ::setenv("HOME", "/home/ada", 1);
  const auto config = ValueOf(ParseConfig(R"(
repository: /srv//backups/
services:
  wiki:
    host: atena
    paths: [/srv/wiki, "/etc/my wiki/./x/"]
    control: compose
    project: wiki-2
    mode: stop
    wire: zstd
    stop_timeout: 45
    start_timeout: 2m
    max_downtime: 1h
    stall_timeout: 5m
    guard: 10s
    exclude: ["cache/*", '*.tmp', "logs/"]
    min_ratio: 0.25
    ignore_mounts: [/var/log/wiki/, wiki_cache, "web:/tmp/*"]
    keep: {last: 3, hourly: 1, daily: 7, weekly: 8, monthly: 12, yearly: 2}
    offsite: never
  dns:
    host: minerva
    control: systemd
    units: [named, "openvpn@client.conf", backup.timer]
  proxy:
    host: minerva
    control: commands
    stop: |
      a=1
      proxyctl stop
    start: proxyctl start
    status: proxyctl status
  photos: {host: minerva, control: none}
hosts:
  atena:
    address: atena.example.org
    port: 2222
    user: backup
    identity: ~/.ssh/id_orcio
    known_hosts: /etc/orcio/known_hosts
    proxy_command: ssh -W %h:%p gate
    transport: ssh
    sudo: true
    connect_timeout: 5s
  minerva:
hooks: {success: "curl -s https://example.org/ok", failure: "mail -s orcio root"}
)",
                                          "c.yaml"));
  CHECK(config.repository == "/srv/backups");
  REQUIRE(config.hosts.size() == 2);
  const auto& atena = config.hosts.at("atena");
  CHECK(atena.name == "atena");
  CHECK(atena.address == "atena.example.org");
  CHECK(atena.port == 2222);
  CHECK(atena.user == "backup");
  CHECK(atena.identity == "/home/ada/.ssh/id_orcio");
  CHECK(atena.known_hosts == "/etc/orcio/known_hosts");
  CHECK(atena.proxy_command == "ssh -W %h:%p gate");
  CHECK(atena.transport == Transport::kSsh);
  CHECK(atena.sudo);
  CHECK(atena.connect_timeout == seconds(5));
  REQUIRE(config.services.size() == 4);
  const auto& wiki = config.services[0];
  CHECK(wiki.name == "wiki");
  CHECK(wiki.host == "atena");
  CHECK(wiki.paths == std::vector<std::string>{"/srv/wiki", "/etc/my wiki/x"});
  CHECK(wiki.project == "wiki-2");
  CHECK(wiki.wire == Wire::kZstd);
  CHECK(wiki.stop_timeout == seconds(45));
  CHECK(wiki.start_timeout == seconds(120));
  CHECK(wiki.max_downtime == seconds(3600));
  CHECK(wiki.stall_timeout == seconds(300));
  CHECK(wiki.guard == seconds(10));
  CHECK(wiki.exclude == std::vector<std::string>{"cache/*", "*.tmp", "logs"});
  CHECK(wiki.min_ratio == 0.25);
  CHECK(wiki.ignore_mounts ==
        std::vector<std::string>{"/var/log/wiki", "wiki_cache", "web:/tmp/*"});
  REQUIRE(wiki.keep.has_value());
  CHECK(wiki.keep->last == 3);
  CHECK(wiki.keep->hourly == 1);
  CHECK(wiki.keep->daily == 7);
  CHECK(wiki.keep->weekly == 8);
  CHECK(wiki.keep->monthly == 12);
  CHECK(wiki.keep->yearly == 2);
  CHECK(wiki.offsite_never);
  const auto& dns = config.services[1];
  CHECK(dns.wire == Wire::kAuto);
  CHECK(dns.control == ControlKind::kSystemd);
  CHECK(dns.units ==
        std::vector<std::string>{"named.service", "openvpn@client.conf.service", "backup.timer"});
  const auto& proxy = config.services[2];
  CHECK(proxy.control == ControlKind::kCommands);
  CHECK(proxy.stop_command == "a=1\nproxyctl stop\n");
  CHECK(proxy.start_command == "proxyctl start");
  CHECK(proxy.status_command == "proxyctl status");
  CHECK(config.services[3].control == ControlKind::kNone);
  CHECK(config.hooks.success == "curl -s https://example.org/ok");
  CHECK(config.hooks.failure == "mail -s orcio root");
}

TEST_CASE("A service's hooks come on top of those for all, wherever these stand") {
  const auto config = ValueOf(ParseConfig(R"(
repository: /b
hosts: {atena: }
services:
  wiki: {host: atena}
  dns:
    host: atena
    hooks: {start: a, success: none, warning: none, timeout: 5m}
hooks: {success: s, failure: f}
)",
                                          "c.yaml"));
  const HookConfig& wiki = config.services[0].hooks;
  CHECK(wiki.start.empty());
  CHECK(wiki.success == "s");
  CHECK_FALSE(wiki.warning.has_value());
  CHECK(wiki.failure == "f");
  CHECK(wiki.timeout == seconds(60));
  const HookConfig& dns = config.services[1].hooks;
  CHECK(dns.start == "a");
  CHECK(dns.success.empty());
  CHECK(dns.warning == "");
  CHECK(dns.failure == "f");
  CHECK(dns.timeout == seconds(300));
  CheckError(WithService("    hooks: {timeout: 2h}\n"), "6:22", "must be at most 1h");
  CheckError(WithService("    hooks: {sucess: x}\n"), "6:13", "did you mean `success`?");
}

TEST_CASE("Pings go to URLs by http or https, which no message shows") {
  const auto config = ValueOf(ParseConfig(
      "ping: https://hc-ping.com/a?b=c\n" + WithService("    ping: http://localhost:8000/x\n"),
      "c.yaml"));
  CHECK(config.ping == "https://hc-ping.com/a?b=c");
  CHECK(config.services.at(0).ping == "http://localhost:8000/x");
  CheckError(WithService("    ping: ftp://example.org/secret\n"), "6:11",
             "services.wiki.ping: must be a URL that starts with https:// or http://");
  for (const std::string bad : {"ftp://example.org/secret", "secret", "[secret]",
                                "\"http://a/secret\\nx\"", "\"http://a/ secret\"", "{secret: x}"}) {
    INFO(bad);
    const std::string error = ErrorOf("repository: /b\nping: " + bad + "\n");
    CHECK(error.starts_with("c.yaml:2:7: ping: "));
    CHECK(error.find("secret") == std::string::npos);
  }
}

TEST_CASE("A mail goes to one user or address") {
  CHECK(ValueOf(ParseConfig("repository: /b\nmail: ada@example.org\n", "c.yaml")).mail ==
        "ada@example.org");
  CheckError("repository: /b\nmail: root, ada\n", "2:7", "\"root, ada\" is neither a user nor");
  CheckError("repository: /b\nmail: -f\n", "2:7", "neither a user nor an address");
}

TEST_CASE("A service may do without a guard, if that is said, and not wait long for one") {
  const auto config = ValueOf(ParseConfig(WithService("    guard: none\n"), "c.yaml"));
  CHECK_FALSE(config.services.at(0).guard.has_value());
  CheckError(WithService("    guard: 61s\n"), "6:12", "at most 60s");
  CheckError(WithService("    guard: never\n"), "6:12", "guard");
  CheckError(WithService("    control: none\n    guard: 30s\n"), "7:5", "means nothing");
}

TEST_CASE("What is ignored of mounts is a path, a volume, or a place in a container") {
  CheckError(WithService("    ignore_mounts: [srv/wiki]\n"), "6:21",
             "\"srv/wiki\" is neither a path on the host, nor a volume's name, nor SERVICE:/PATH");
  CheckError(WithService("    ignore_mounts: wiki_db\n"), "6:20", "must be a list");
  CheckError(WithService("    control: none\n    ignore_mounts: [a]\n"), "7:5", "means nothing");
  // What other containers may write to.
  CHECK(ParseConfig(WithService("    control: systemd\n    units: [dns]\n"
                                "    ignore_mounts: ['cron-1:/data']\n"),
                    "c.yaml"));
}

TEST_CASE("A share is a number from 0 to 1") {
  CHECK(ServiceOf("    min_ratio: 0\n").min_ratio == 0);
  CHECK(ServiceOf("    min_ratio: 1\n").min_ratio == 1);
  CHECK(ServiceOf("    min_ratio: .5\n").min_ratio == 0.5);
  for (const std::string bad :
       {"1.1", "-0.1", "nan", "inf", "10%", "0,1", "0.1x", "none", "1e-1"}) {
    INFO(bad);
    CheckError(WithService("    min_ratio: " + bad + "\n"), "6:16", "from 0 to 1, such as 0.1");
  }
  CheckError(WithService("    min_ratio: \"0.1\"\n"), "6:16", "remove the quotes");
  CheckError(WithService("    min_ratio: [0.1]\n"), "6:16", "must be text, not a list");
}

TEST_CASE("What is left out of a configuration has its default") {
  const auto config = ValueOf(ParseConfig(WithService(""), "c.yaml"));
  const auto& host = config.hosts.at("atena");
  CHECK(host.address == "atena");
  CHECK_FALSE(host.port.has_value());
  CHECK_FALSE(host.sudo);
  CHECK(host.connect_timeout == seconds(20));
  CHECK(host.transport == Transport::kLibssh);
  const auto& service = config.services.at(0);
  CHECK(service.paths == std::vector<std::string>{"/srv/wiki"});
  CHECK(service.control == ControlKind::kCompose);
  CHECK(service.project == "wiki");
  CHECK(service.stop_timeout == seconds(0));
  CHECK(service.start_timeout == seconds(300));
  CHECK_FALSE(service.max_downtime.has_value());
  CHECK(service.stall_timeout == seconds(120));
  CHECK(service.guard == seconds(30));
  CHECK(service.min_ratio == 0.1);
  CHECK_FALSE(service.keep.has_value());
  CHECK_FALSE(service.offsite_never);
}

TEST_CASE("A repository alone is a configuration") {
  CHECK(ValueOf(ParseConfig("repository: /b", "c.yaml")).repository == "/b");
}

TEST_CASE("A service is found by its name") {
  const auto config = ValueOf(ParseConfig(WithService(""), "c.yaml"));
  REQUIRE(config.FindService("wiki") != nullptr);
  CHECK(config.FindService("wiki")->host == "atena");
  CHECK(config.FindService("wik") == nullptr);
}

TEST_CASE("An anchor's value serves its aliases") {
  const auto config = ValueOf(ParseConfig(WithService("    exclude: &junk [cache]\n"
                                                      "  blog: {host: atena, exclude: *junk}\n"),
                                          "c.yaml"));
  CHECK(config.services.at(1).exclude == std::vector<std::string>{"cache"});
}

TEST_CASE("A file with a byte order mark and CRLF line ends is read") {
  CHECK(ValueOf(ParseConfig("\xef\xbb\xbfrepository: /b\r\nhosts: {}\r\n", "c.yaml")).repository ==
        "/b");
}

TEST_CASE("Durations have units, seconds by default") {
  CHECK(ServiceOf("    start_timeout: 30s").start_timeout == seconds(30));
  CHECK(ServiceOf("    start_timeout: 5m").start_timeout == seconds(300));
  CHECK(ServiceOf("    start_timeout: 2h").start_timeout == seconds(7200));
  CHECK(ServiceOf("    start_timeout: 1d").start_timeout == seconds(86400));
  CHECK(ServiceOf("    start_timeout: 90").start_timeout == seconds(90));
}

// Files.

TEST_CASE("A configuration is loaded from a file, and its errors name it") {
  test::ScratchDirectory scratch;
  const auto path = scratch / "config.yaml";
  std::ofstream(path) << "repository: /b\n";
  CHECK(ValueOf(LoadConfig(path)).repository == "/b");
  std::ofstream(path) << "repository: b\n";
  const auto config = LoadConfig(path);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message.starts_with(path.string() + ":1:13: "));
}

TEST_CASE("A configuration that is not there is not found") {
  const auto config = LoadConfig("/nonexistent/config.yaml");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().kind == ErrorKind::kNotFound);
}

TEST_CASE("A configuration that cannot be read is an I/O error") {
  test::ScratchDirectory scratch;
  const auto config = LoadConfig(scratch.path());
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().kind == ErrorKind::kIo);
  CHECK(config.error().errnum == EISDIR);
}

TEST_CASE("A file over 1 MiB is refused, one that never ends too") {
  const auto config = LoadConfig("/dev/zero");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().kind == ErrorKind::kInvalid);
  CHECK(config.error().message.find("1 MiB") != std::string::npos);
}

TEST_CASE("The example configuration is valid") {
  const auto config =
      ValueOf(LoadConfig(std::string(test::SourceDirectory()) + "/scripts/orcio.example.yaml"));
  CHECK(config.repository == "/srv/backups");
  CHECK(config.services.size() >= 4);
}

}  // namespace orcio

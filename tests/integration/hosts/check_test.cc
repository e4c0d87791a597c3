// orcio check over a real sshd: a finding with a remedy for each thing that is wrong on a host, and
// nothing changed there.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Compose = DockerdFixture::Compose;

DockerdFixture& Dockerd() {
  static DockerdFixture dockerd;
  return dockerd;
}

struct Looked {
  Ended ended;
  std::vector<Json> findings;

  // The findings about one subject that are not fine.
  [[nodiscard]] std::vector<Json> Wrong(const std::string& subject) const {
    std::vector<Json> wrong;
    for (const Json& finding : findings) {
      if (finding.at("subject") == subject && finding.at("level") != "ok") wrong.push_back(finding);
    }
    return wrong;
  }
  // Subjects of what is not fine. Guards are left out: other tests have theirs in /run.
  [[nodiscard]] std::vector<std::string> Subjects() const {
    std::vector<std::string> subjects;
    for (const Json& finding : findings) {
      if (finding.at("level") != "ok" && finding.at("subject") != "guard")
        subjects.push_back(finding.at("subject"));
    }
    return subjects;
  }
};

// A host whose programs a test may replace, with docker.
class Host {
 public:
  Host() : orcio(BuiltProgram(), "SetEnv PATH=" + Path() + "\n") {
    fs::create_directory(orcio.scratch() / "wiki");
    fs::create_directory(orcio.scratch() / "stack");
    std::ofstream(orcio.scratch() / "wiki/page") << "text";
  }

  void Program(const std::string& name, const std::string& script) const {
    WriteProgram(bin_ / name, script);
  }
  [[nodiscard]] std::string path() const { return (orcio.scratch() / "wiki").string(); }
  // A service that nothing is wrong with, and `lines` more.
  void Configure(const std::string& lines = {}, const std::string& host_lines = {}) const {
    orcio.Configure(
        "  wiki:\n    host: workshop\n    control: none\n    paths: [" + path() + "]\n" + lines,
        host_lines);
  }
  [[nodiscard]] Looked Check(std::vector<std::string> names = {}) const {
    names.insert(names.begin(), {"check", "--json"});
    Looked looked{orcio.Run(names), {}};
    INFO(looked.ended.out << looked.ended.err);
    std::istringstream lines(looked.ended.out);
    for (std::string line; std::getline(lines, line);) {
      Json json = Json::parse(line);
      if (json.at("type") == "finding") looked.findings.push_back(std::move(json));
    }
    return looked;
  }

 private:
  [[nodiscard]] std::string Path() const {
    return bin_.path().string() + ":" + Dockerd().Environment(Compose::kProgram).at("PATH");
  }
  ScratchDirectory bin_;

 public:
  OrcioFixture orcio;
};

// On a file system whose times do not tell every change.
struct MemoryDirectory {
  MemoryDirectory() { fs::create_directory(path); }
  ~MemoryDirectory() { fs::remove_all(path); }
  MemoryDirectory(const MemoryDirectory&) = delete;
  MemoryDirectory& operator=(const MemoryDirectory&) = delete;

  const fs::path path = "/dev/shm/orcio-check-" + std::to_string(::getpid());
};

bool Contains(const Json& finding, const std::string& key, const std::string& part) {
  return finding.contains(key) &&
         finding.at(key).get<std::string>().find(part) != std::string::npos;
}

// The only one about `subject`, which has a remedy.
Json OnlyWrong(const Looked& looked, const std::string& subject) {
  INFO(looked.ended.out << looked.ended.err);
  const auto wrong = looked.Wrong(subject);
  REQUIRE(wrong.size() == 1);
  return wrong.front();
}

const std::vector<std::string> kNone;

}  // namespace

TEST_CASE("Where all is well, check says so when asked, and is silent in a cron job") {
  Host host;
  host.Configure();
  const auto looked = host.Check();
  INFO(looked.ended.out << looked.ended.err);
  CHECK(looked.Subjects() == kNone);
  CHECK(looked.ended.status == (looked.Wrong("guard").empty() ? 0 : 3));
  CHECK(looked.findings.size() >= 5);
  const Ended quiet = host.orcio.Run({"check"});
  if (looked.Wrong("guard").empty()) CHECK(quiet.out.empty());
  CHECK(quiet.err.empty());
  const Ended verbose = host.orcio.Run({"-v", "check"});
  CHECK(verbose.out.find("logs in") != std::string::npos);
  CHECK(host.orcio.RepositoryNames().empty());
}

TEST_CASE("Each way in which a login fails has its remedy") {
  Host host;
  host.Configure();
  std::string remedy;
  SECTION("the host is away") {
    host.orcio.sshd().Stop();
    remedy = "see that the host is up";
  }
  SECTION("its key is unknown") {
    host.orcio.sshd().WriteKnownHosts({});
    remedy = "add it to known_hosts";
  }
  SECTION("its key has changed") {
    host.orcio.sshd().ChangeHostKeys();
    remedy = "find out why";
  }
  SECTION("it does not know ours") {
    std::ofstream(host.orcio.sshd().directory() / "authorized_keys").flush();
    remedy = "append the public key";
  }
  const auto looked = host.Check();
  CHECK(looked.ended.status == 12);
  const Json finding = OnlyWrong(looked, "login");
  CHECK(finding.at("level") == "error");
  CHECK(finding.at("host") == "workshop");
  CHECK(Contains(finding, "remedy", remedy));
  CHECK(looked.Subjects() == std::vector<std::string>{"login"});
}

TEST_CASE("A sudo that asks for a password is told, and cannot drive the terminal") {
  Host host;
  host.Program("sudo", "printf 'sudo: \\033[31ma password is required\\302\\233\\n' >&2; exit 1\n");
  host.Configure({}, "    sudo: true\n");
  const auto looked = host.Check();
  CHECK(looked.ended.status == 1);
  const Json finding = OnlyWrong(looked, "sudo");
  CHECK(Contains(finding, "message", "a password is required"));
  CHECK(Contains(finding, "remedy", "NOPASSWD"));
  const Ended table = host.orcio.Run({"check"});
  for (const std::string& text : {looked.ended.out, table.out, finding.dump()}) {
    CHECK(text.find('\033') == std::string::npos);
    CHECK(text.find("\302\233") == std::string::npos);
  }
  CHECK(finding.at("message").get<std::string>().find('\033') == std::string::npos);
}

// It was NOPASSWD, which is there.
TEST_CASE("A sudo that wants a terminal is told from one that wants a password") {
  Host host;
  host.Program("sudo", "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1\n");
  host.Configure({}, "    sudo: true\n");
  const auto looked = host.Check();
  const Json finding = OnlyWrong(looked, "sudo");
  CHECK(Contains(finding, "message", "you must have a tty"));
  CHECK(Contains(finding, "remedy", "requiretty"));
  CHECK_FALSE(Contains(finding, "remedy", "NOPASSWD"));
  const Ended archived = host.orcio.Run({"archive"});
  CHECK(archived.status == 1);
  CHECK(archived.err.find("requiretty") != std::string::npos);
}

TEST_CASE("A sudo that cannot resolve the host's name disturbs nothing") {
  Host host;
  host.Program("sudo",
               "echo 'sudo: unable to resolve host nas: Name or service not known' >&2\n"
               "shift 2\nexec \"$@\"\n");
  host.Configure({}, "    sudo: true\n");
  CHECK(host.Check().Subjects() == kNone);
  const Ended archived = host.orcio.Run({"archive"});
  CHECK(archived.status == 0);
  CHECK(archived.err.empty());
}

TEST_CASE("The docker that the configuration names is the one that is asked, at its socket") {
  Host host;
  const fs::path docker = host.orcio.scratch() / "container station/docker";
  fs::create_directory(docker.parent_path());
  std::ofstream(docker) << "#!/bin/sh\necho \"Cannot connect to the Docker daemon at "
                           "$DOCKER_HOST.\" >&2\nexit 1\n";
  fs::permissions(docker, fs::perms::owner_all);
  host.Configure(
      "  shop: {host: workshop, paths: [" + host.path() + "]}\n",
      "    docker: " + docker.string() + "\n    docker_socket: /run/user/7/docker.sock\n");
  const auto looked = host.Check();
  CHECK(looked.ended.status == 1);
  const Json finding = OnlyWrong(looked, "project");
  CHECK(Contains(finding, "message", "unix:///run/user/7/docker.sock"));
  CHECK(Contains(finding, "message", "docker_socket:"));
}

// It was "the daemon does not run": as with a user's rootless docker, root's own has no socket.
TEST_CASE("A service whose daemon has a socket of its own is checked and archived through it") {
  const char* path = std::getenv("PATH");
  const OrcioFixture orcio(BuiltProgram(),
                           std::string("SetEnv PATH=") + (path ? path : "/usr/bin:/bin") + "\n");
  const std::string stack = (orcio.scratch() / "stack").string();
  fs::create_directories(stack + "/data");
  Dockerd().Up("rootless", stack,
               "version: '2.4'\nservices:\n  app:\n    image: busybox\n    network_mode: none\n"
               "    command: [sleep, '1000']\n    stop_grace_period: 1s\n    volumes: ['" +
                   stack + "/data:/data']\n");
  std::ofstream(stack + "/data/page") << "text";
  const auto started = [] {
    return Dockerd().Docker(
        {"inspect", "--format", "{{.State.Status}} {{.State.StartedAt}}", "rootless_app_1"});
  };
  const std::string before = started();
  orcio.Configure("  rootless: {host: workshop, mode: stop, paths: [" + stack + "/data]}\n",
                  "    docker_socket: " + (Dockerd().scratch() / "docker.sock").string() + "\n");
  const Ended checked = orcio.Run({"-v", "check", "rootless"});
  CHECK(checked.out.find("runs: rootless_app_1") != std::string::npos);
  const Ended archived = orcio.Run({"archive"});
  INFO(archived.err);
  CHECK(archived.status == 0);
  CHECK(started().starts_with("running "));
  CHECK(started() != before);
  Dockerd().Docker({"rm", "--force", "rootless_app_1"});
}

TEST_CASE("A busybox tar is a warning that says what it loses, no tar an error") {
  Host host;
  host.Configure();
  host.Program("gtar", "exit 127\n");
  SECTION("busybox") {
    host.Program("tar", "exec busybox tar \"$@\"\n");
    const auto looked = host.Check();
    CHECK(looked.ended.status == 3);
    const Json finding = OnlyWrong(looked, "tar");
    CHECK(Contains(finding, "message", "extended attributes"));
    CHECK(Contains(finding, "remedy", "GNU tar"));
  }
  SECTION("none") {
    host.Program("tar", "exit 127\n");
    host.Program("busybox", "exit 127\n");
    const auto looked = host.Check();
    CHECK(looked.ended.status == 1);
    CHECK(Contains(OnlyWrong(looked, "tar"), "remedy", "install GNU tar"));
  }
}

TEST_CASE("A shell that talks, a path that is not there, a unit that is none") {
  Host host;
  SECTION("a path") {
    host.Configure("  dns:\n    host: workshop\n    control: none\n    paths: [/nowhere/dns]\n");
    const auto looked = host.Check();
    CHECK(looked.ended.status == 1);
    const Json finding = OnlyWrong(looked, "paths");
    CHECK(finding.at("service") == "dns");
    CHECK(Contains(finding, "message", "/nowhere/dns is not there"));
    CHECK(host.Check({"wiki"}).Subjects() == kNone);
  }
  SECTION("a unit") {
    host.Program("systemctl",
                 "printf 'LoadState=not-found\\nActiveState=inactive\\n"
                 "SubState=dead\\nJob=0\\nInvocationID=\\n"
                 "ActiveEnterTimestampMonotonic=0\\n'\n");
    host.Configure(
        "  dns:\n    host: workshop\n    control: systemd\n    units: [named]\n    "
        "paths: [" +
        host.path() + "]\n");
    const auto looked = host.Check();
    CHECK(looked.ended.status == 10);
    CHECK(Contains(OnlyWrong(looked, "units"), "message", "named.service"));
  }
}

TEST_CASE("Without docker, a compose service is told of it") {
  Host host;
  host.Program("docker", "echo 'sh: docker: command not found' >&2; exit 127\n");
  host.Configure("  shop: {host: workshop, paths: [" + host.path() + "]}\n");
  const auto looked = host.Check();
  CHECK(looked.ended.status == 1);
  CHECK(Contains(OnlyWrong(looked, "project"), "message", "install docker there"));
}

TEST_CASE("Volumes that no path covers and projects that no service is about are found") {
  Host host;
  const std::string stack = (host.orcio.scratch() / "stack").string();
  const std::string covered = host.path();
  const std::string forgotten = stack + "/forgotten";
  fs::create_directories(forgotten);
  const auto yaml = [](const std::string& volumes, const std::string& more) {
    return "version: '2.4'\nservices:\n  app:\n    image: busybox\n    network_mode: none\n"
           "    command: [sleep, '1000']\n    stop_grace_period: 1s\n    volumes: [" +
           volumes + "]\n" + more;
  };
  Dockerd().Up("shop", stack + "/shop",
               yaml("'" + covered + ":/data', '" + forgotten +
                        ":/more', 'named:/named', '/etc:/etc/host:ro'",
                    "volumes: {named: {}}\n"));
  Dockerd().Up("blog", stack + "/blog", yaml("'" + forgotten + ":/data'", ""));
  const std::string started =
      Dockerd().Docker({"inspect", "--format", "{{.State.StartedAt}}", "shop_app_1", "blog_app_1"});
  host.Configure("  shop: {host: workshop, paths: [" + covered + "]}\n  gone: {host: workshop, " +
                 "paths: [" + covered + "/gone]}\n");
  fs::create_directory(covered + "/gone");
  const auto looked = host.Check();
  INFO(looked.ended.out << looked.ended.err);
  CHECK(looked.ended.status == 10);

  auto volumes = looked.Wrong("volumes");
  REQUIRE(volumes.size() == 3);
  // The other service's containers write to what is in its paths.
  const auto other = std::find_if(volumes.begin(), volumes.end(), [](const Json& finding) {
    return finding.at("service") == "gone";
  });
  REQUIRE(other != volumes.end());
  CHECK(Contains(*other, "message", "shop_app_1"));
  CHECK(Contains(*other, "message", "may write to " + covered));
  volumes.erase(other);
  for (const Json& finding : volumes) {
    CHECK(finding.at("service") == "shop");
    CHECK(finding.at("level") == "warning");
    CHECK(Contains(finding, "message", "shop_app_1"));
  }
  CHECK(Contains(volumes[0], "message", forgotten) != Contains(volumes[1], "message", forgotten));
  CHECK(Contains(volumes[0], "message", "volume shop_named") !=
        Contains(volumes[1], "message", "volume shop_named"));
  CHECK(Contains(OnlyWrong(looked, "project"), "message", "project gone"));
  const Json stranger = OnlyWrong(looked, "services");
  CHECK(Contains(stranger, "message", "compose project blog"));
  CHECK(Contains(stranger, "remedy", "project: blog and paths: [" + forgotten + "]"));

  // What is covered is no finding any more, through a link either.
  fs::create_directory_symlink(forgotten, stack + "/link");
  host.Configure("  shop: {host: workshop, paths: [" + covered + ", " + forgotten +
                 "]}\n  blog: " + "{host: workshop, paths: [" + stack + "/link]}\n");
  const auto left = host.Check().Wrong("volumes");
  REQUIRE(left.size() == 3);
  // Both write there, and neither stops with the other.
  for (const char* writer : {"shop_app_1", "blog_app_1"}) {
    CHECK(std::count_if(left.begin(), left.end(), [&](const Json& finding) {
            return Contains(finding, "message",
                            "container " + std::string(writer) + " of the compose project") &&
                   Contains(finding, "message", "may write to");
          }) == 1);
  }
  CHECK(host.Check().Wrong("services").empty());
  CHECK(host.Check({"wiki"}).Subjects() == kNone);
  CHECK(Dockerd().Docker({"inspect", "--format", "{{.State.StartedAt}}", "shop_app_1",
                          "blog_app_1"}) == started);
  Dockerd().Docker({"rm", "--force", "shop_app_1", "blog_app_1"});
}

TEST_CASE("What an interrupted run has left is told: its journal, its guard") {
  Host host;
  host.Configure();
  std::ofstream(host.orcio.repository() / ".wiki.journal") << "{}";
  const fs::path guard = "/run/orcio-guard-" + std::string(24, '0') + std::to_string(::getpid());
  fs::create_directory(guard);
  std::ofstream(guard / "guard") << "#!/bin/sh\nservice='wiki'\n";
  const auto looked = host.Check();
  fs::remove_all(guard);
  CHECK(looked.ended.status == 20);
  CHECK(Contains(OnlyWrong(looked, "journal"), "remedy", "orcio recover"));
  const auto guards = looked.Wrong("guard");
  CHECK(std::any_of(guards.begin(), guards.end(), [&](const Json& finding) {
    return Contains(finding, "message", guard.string() + ", of the service 'wiki'");
  }));
}

TEST_CASE("Precopy that is not possible, and archives older than max_age, are told") {
  Host host;
  const MemoryDirectory memory;
  host.Configure("  fast:\n    host: workshop\n    control: none\n    mode: precopy\n    paths: [" +
                 memory.path.string() + "]\n    max_age: 1d\n");
  auto looked = host.Check();
  CHECK(looked.ended.status == 1);
  CHECK(Contains(OnlyWrong(looked, "precopy"), "message", "tmpfs"));
  CHECK(Contains(OnlyWrong(looked, "age"), "message", "no complete archive"));
  REQUIRE(host.orcio.Run({"archive", "fast"}).status == 3);
  looked = host.Check();
  CHECK(looked.ended.status == 3);
  CHECK(looked.Wrong("age").empty());
}

TEST_CASE("A repository that is not there is an error") {
  Host host;
  host.Configure();
  fs::remove_all(host.orcio.repository());
  const auto looked = host.Check();
  CHECK(looked.ended.status == 1);
  CHECK(Contains(OnlyWrong(looked, "repository"), "remedy", "make the directory"));
}

TEST_CASE("A key that orcio-host restricts is looked at as far as it goes") {
  Host host;
  host.Configure();
  const auto& sshd = host.orcio.sshd();
  std::ifstream in(sshd.client_key().string() + ".pub");
  std::string key;
  std::getline(in, key);
  fs::remove(sshd.directory() / "authorized_keys");
  sshd.Authorize(std::string("restrict,command=\"") + SourceDirectory() +
                 "/scripts/orcio-host --path " + host.path() + "\" " + key);
  const auto looked = host.Check();
  INFO(looked.ended.out << looked.ended.err);
  CHECK(looked.ended.status == 0);
  CHECK(looked.Subjects() == kNone);
}

TEST_CASE("A name that is neither host nor service is not found") {
  Host host;
  host.Configure();
  const Ended ended = host.orcio.Run({"check", "wikki"});
  CHECK(ended.status == 10);
  CHECK(ended.err.find("did you mean `wiki`?") != std::string::npos);
  CHECK(host.orcio.Run({"check", "workshop", "wiki"}).err.empty());
}

}  // namespace orcio::test

#include "archiver/plan/other_writers.h"

#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"

namespace orcio {
namespace {

using Strings = std::vector<std::string>;

ServiceConfig Wiki(ControlKind control = ControlKind::kCompose) {
  ServiceConfig service;
  service.name = service.project = "wiki";
  service.control = control;
  service.paths = {"/srv/wiki"};
  return service;
}

MountingContainer Cron(const std::string& source, bool writable = true) {
  return {"cron-1", "cron", "cron", {{"", source, "/data", writable}}, "c", "09:00"};
}

struct Scene {
  ServiceConfig service = Wiki();
  VolumeCheck check{};

  Strings Warnings(const MountingContainer& container) {
    check.services = {&service};
    return WriterWarnings(check, service, {container});
  }
  bool Warns(const std::string& source, bool writable = true) {
    return !Warnings(Cron(source, writable)).empty();
  }
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string Told(const std::string& id, const std::string& project, const std::string& mounts) {
  return R"({"id":")" + id + R"(","name":"/)" + id + R"(","started":"09:00","project":")" +
         project + R"(","service":"web","mounts":)" + mounts + "}\n";
}

constexpr const char* kWritable =
    R"([{"Type":"bind","Source":"/srv/wiki","Destination":"/data","RW":true}])";
constexpr const char* kReadOnly =
    R"([{"Type":"bind","Source":"/srv/wiki","Destination":"/data","RW":false}])";

}  // namespace

TEST_CASE("Who else can write to a path is told with the mount and what to do") {
  Scene scene;
  auto cron = Cron("/srv/wiki/images");
  CHECK(scene.Warnings(cron) ==
        Strings{"container cron-1 of the compose project cron may write to /srv/wiki/images (as "
                "/data) and is not stopped with the service: what is archived may be inconsistent; "
                "mount that read-only there, make it a part of the compose project wiki, or write "
                "`ignore_mounts: ['cron-1:/data']` if it does no harm"});
  cron.project.clear();
  CHECK(scene.Warnings(cron)[0].starts_with("container cron-1, of no compose project, may write"));
  scene.service.mode = Mode::kPause;
  CHECK(Has(scene.Warnings(cron)[0], "is not paused with"));
  scene.service.control = ControlKind::kSystemd;
  CHECK(Has(scene.Warnings(cron)[0], "the service's units:"));
  const auto late = WriterWarnings(scene.check, scene.service, {cron}, "started late");
  REQUIRE(late.size() == 1);
  CHECK(late[0].starts_with("container cron-1, of no compose project, started late, may write"));
}

TEST_CASE("A mount within a path or above it can write there, one beside it cannot") {
  Scene scene;
  for (const char* source : {"/srv/wiki", "/srv/wiki/a/b", "/srv"}) CHECK(scene.Warns(source));
  for (const char* source : {"/srv/wiki2", "/srv/wik", "/mnt/wiki", "/srv/blog"})
    CHECK_FALSE(scene.Warns(source));
  CHECK_FALSE(scene.Warns("/srv/wiki", false));
  CHECK_FALSE(scene.Warns("/mnt/data"));
  scene.check.resolved["/srv/wiki"] = "/mnt/data";
  CHECK(scene.Warns("/mnt/data"));
  CHECK(scene.Warns("/mnt"));
  // A volume that is a directory of the service's by another name, as its own containers have it.
  CHECK_FALSE(scene.Warns("/var/lib/docker/volumes/wiki/_data"));
  scene.check.resolved["/var/lib/docker/volumes/wiki/_data"] = "/srv/wiki";
  CHECK(scene.Warns("/var/lib/docker/volumes/wiki/_data"));
}

TEST_CASE("Sockets and what is left out of the archive are written to by whoever likes") {
  Scene scene;
  CHECK_FALSE(scene.Warns("/srv/wiki/php.sock"));
  scene.check.special.insert("/srv/wiki/php");
  CHECK_FALSE(scene.Warns("/srv/wiki/php"));
  scene.service.exclude = {"cache"};
  CHECK_FALSE(scene.Warns("/srv/wiki/cache"));
  CHECK(scene.Warns("/srv/wiki"));
}

TEST_CASE("Who has all of docker's volumes, or the whole machine, is a manager and no writer") {
  Scene scene;
  scene.service.paths = {"/var/lib/docker/volumes/wiki_db/_data"};
  for (const char* source : {"/", "/var/lib/docker", "/var/lib/docker/volumes"})
    CHECK_FALSE(scene.Warns(source));
  CHECK(scene.Warns("/var/lib/docker/volumes/wiki_db/_data"));
  CHECK(scene.Warns("/var/lib/docker/volumes/wiki_db"));
}

TEST_CASE("A writer is ignored by its name and place and not by a service of the same name") {
  Scene scene;
  const auto left = [&](Strings ignored) {
    scene.service.ignore_mounts = std::move(ignored);
    return scene.Warns("/srv/wiki/images");
  };
  CHECK_FALSE(left({"cron-1:/data"}));
  CHECK_FALSE(left({"cron-*:/*"}));
  CHECK_FALSE(left({"/srv/wiki/images"}));
  CHECK(left({"cron:/data"}));
  CHECK(left({"cron-1:/other"}));
  CHECK(left({"wiki_cache", "/srv/wiki/cache"}));
}

TEST_CASE("All other running containers that can write are asked for by one command") {
  test::FakeHost host;
  host.On("docker ps --quiet", Told("a", "wiki", kWritable) + Told("b", "cron", kWritable) +
                                   Told("c", "", kReadOnly) + Told("d", "", kWritable));
  const auto others = RunningOthers(Wiki(), host, {});
  REQUIRE(others);
  REQUIRE(others->size() == 2);
  CHECK((*others)[0].name == "b");
  CHECK((*others)[0].started_at == "09:00");
  CHECK((*others)[1].name == "d");
  CHECK(host.commands.size() == 1);
  // The project of that name is no part of a service of units.
  CHECK(RunningOthers(Wiki(ControlKind::kSystemd), host, {}).value().size() == 3);
  CHECK_FALSE(RunningOthers(Wiki(ControlKind::kNone), host, {}));
  auto live = Wiki();
  live.mode = Mode::kLive;
  CHECK_FALSE(RunningOthers(live, host, {}));
  CHECK(host.commands.size() == 2);
}

TEST_CASE("A host without docker or with one that talks nonsense or hangs is none to warn of") {
  test::FakeHost host;
  CHECK_FALSE(RunningOthers(Wiki(ControlKind::kSystemd), host, {}));
  for (const std::string nonsense : {"no JSON\n", "{}\n", "{\"name\":7,\"mounts\":{}}\n", "[]\n"}) {
    host.On("docker ps", nonsense);
    CHECK_FALSE(RunningOthers(Wiki(), host, {}));
  }
  CHECK(host.Count("connect") == 0);
  host.On("docker ps", [](const std::string&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "atena: no answer");
  });
  CHECK_FALSE(RunningOthers(Wiki(), host, {}));
  CHECK(host.Count("connect") == 1);  // what comes after must not suffer
}

TEST_CASE("Who was started meanwhile is told of a project, who was never stopped of commands") {
  const auto cron = Cron("/srv/wiki");
  auto restarted = cron;
  restarted.started_at = "09:01";
  auto other = cron;
  other.id = "d";
  const auto late = [&](ControlKind control, const MountingContainer& after) {
    return LateWriters(Wiki(control), {cron}, {after}).size();
  };
  CHECK(late(ControlKind::kCompose, other) == 1);
  CHECK(late(ControlKind::kCompose, cron) == 0);  // was told before
  CHECK(late(ControlKind::kCompose, restarted) == 0);
  CHECK(late(ControlKind::kCommands, cron) == 1);
  CHECK(late(ControlKind::kCommands, restarted) == 0);  // by the commands perhaps
  CHECK(late(ControlKind::kSystemd, other) == 0);
}

TEST_CASE("What a host says of who writes is made safe") {
  Scene scene;
  MountingContainer odd{"a\033[31m", "p\007", "", {{"", "/srv/wiki/\033x", "/it's\n", true}}};
  const auto warnings = scene.Warnings(odd);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find_first_of("\033\007\n") == std::string::npos);
  CHECK(Has(warnings[0], "it''s"));
}

}  // namespace orcio

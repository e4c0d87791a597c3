#include "archiver/volume_check.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

ServiceConfig Service(const std::string& name, std::vector<std::string> paths,
                      ControlKind control = ControlKind::kCompose) {
  ServiceConfig service;
  service.name = name;
  service.project = name;
  service.control = control;
  service.paths = std::move(paths);
  return service;
}

DockerMount Bind(const std::string& source, bool writable = true) {
  return {"", source, "/data", writable};
}

}  // namespace

TEST_CASE("A mount below a path is covered, one beside it is not") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1", "wiki", "web", {Bind("/srv/wiki"), Bind("/srv/wiki/images")}}};
  CHECK(FindUncovered(check).empty());
  check.containers[0].mounts = {Bind("/srv/wiki2")};
  const auto found = FindUncovered(check);
  REQUIRE(found.size() == 1);
  CHECK(found[0].level == FindingLevel::kWarning);
  CHECK(found[0].service == "wiki");
  CHECK(found[0].text.find("/srv/wiki2") != std::string::npos);
  CHECK_FALSE(found[0].remedy.empty());
}

TEST_CASE("Links on either side are followed") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1", "wiki", "web", {Bind("/data/wiki/images")}}};
  CHECK(FindUncovered(check).size() == 1);
  check.resolved["/srv/wiki"] = "/data/wiki";
  CHECK(FindUncovered(check).empty());
}

TEST_CASE("Sockets and the system's own files are no volumes, a named volume always is one") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1",
                       "wiki",
                       "web",
                       {Bind("/var/run/docker.sock"), Bind("/run/x"), Bind("/etc/localtime"),
                        Bind("/", false), Bind("/var/log/nginx", false), Bind("/etc/ssl", false)}}};
  CHECK(FindUncovered(check).empty());
  check.containers[0].mounts = {Bind("/etc/ssl"),
                                Bind("/opt/web.conf", false),
                                {"wiki_db", "/var/lib/docker/volumes/wiki_db/_data", "/db", true}};
  CHECK(FindUncovered(check).size() == 3);
}

TEST_CASE("A project that no service is about is told once, unless all that it keeps is archived") {
  const auto wiki = Service("wiki", {"/srv/wiki"}, ControlKind::kCommands);
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"shop_a_1", "shop", "a", {}},
                      {"shop_b_1", "shop", "b", {Bind("/srv/shop")}},
                      {"wiki_web_1", "wiki", "web", {Bind("/srv/wiki/images")}}};
  const auto found = FindUncovered(check);
  REQUIRE(found.size() == 1);
  CHECK(found[0].text.find("project shop runs there (shop_a_1, shop_b_1)") != std::string::npos);
  CHECK(found[0].remedy.find("project: shop and paths: [/srv/shop]") != std::string::npos);
}

TEST_CASE("A container of no project is told where it keeps what nobody archives") {
  VolumeCheck check;
  check.containers = {{"registry", "", "", {Bind("/srv/registry")}}, {"watch", "", "", {}}};
  const auto found = FindUncovered(check);
  REQUIRE(found.size() == 1);
  CHECK(found[0].text.find("container registry") != std::string::npos);
}

TEST_CASE("What a host says is made safe") {
  VolumeCheck check;
  check.containers = {{"a\033[31m", "", "", {Bind("/srv/\033]0;x\007")}}};
  const auto found = FindUncovered(check);
  REQUIRE(found.size() == 1);
  CHECK((found[0].text + found[0].remedy).find('\033') == std::string::npos);
}

}  // namespace orcio

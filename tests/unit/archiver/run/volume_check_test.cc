#include "archiver/plan/volume_check.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"

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

TEST_CASE("The machine's own directories are no volumes, writable or not") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1",
                       "wiki",
                       "web",
                       {Bind("/"), Bind("/lib/modules"), Bind("/usr/share/zoneinfo", false),
                        Bind("/opt/app/php.sock"), Bind("/sys/fs/cgroup"), Bind("/dev/dri")}}};
  CHECK(FindUncovered(check).empty());
  CHECK(UncoveredWarnings(check, wiki).empty());
}

// Archived with exit 0, week by week: of the database in a named volume, nothing.
TEST_CASE("A volume that no path covers is one warning, with all containers and what to write") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  const DockerMount volume{"wiki_db", "/var/lib/docker/volumes/wiki_db/_data", "/db", true};
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_db_1", "wiki", "db", {volume, Bind("/srv/wiki/conf")}},
                      {"wiki_job_1", "wiki", "job", {volume, Bind("/mnt/photos")}}};
  CHECK(UncoveredWarnings(check, wiki) ==
        std::vector<std::string>{
            "/mnt/photos, which container wiki_job_1 has as /data, is in no service's paths: it is "
            "not archived; write `paths: [/srv/wiki, /mnt/photos]`, or `ignore_mounts: "
            "[/mnt/photos]` if it need not be",
            "/var/lib/docker/volumes/wiki_db/_data (volume wiki_db), which container wiki_db_1 has "
            "as /db and container wiki_job_1 has as /db, is in no service's paths: it is not "
            "archived; write `paths: [/srv/wiki, /var/lib/docker/volumes/wiki_db/_data]`, or "
            "`ignore_mounts: [wiki_db]` if it need not be"});
  const auto photos = Service("photos", {"/mnt"}, ControlKind::kNone);
  check.services.push_back(&photos);
  CHECK(UncoveredWarnings(check, wiki).size() == 1);
}

TEST_CASE("What is to be ignored is no warning: a path, a volume, a place in a container") {
  auto wiki = Service("wiki", {"/srv/wiki"});
  const std::string nameless(64, 'a');
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_db_1",
                       "wiki",
                       "db",
                       {{"wiki_db", "/var/lib/docker/volumes/wiki_db/_data", "/db", true},
                        {nameless, "/var/lib/docker/volumes/x/_data", "/cache", true},
                        {"", "/mnt/photos/2024", "/photos", true}}}};
  const auto left = [&](std::vector<std::string> ignored) {
    wiki.ignore_mounts = std::move(ignored);
    const auto warnings = UncoveredWarnings(check, wiki);
    CHECK(FindUncovered(check).size() == warnings.size());
    return warnings.size();
  };
  CHECK(left({}) == 3);
  CHECK(UncoveredWarnings(check, wiki)[2].find("`ignore_mounts: [db:/cache]`") !=
        std::string::npos);
  CHECK(left({"wiki_db"}) == 2);
  CHECK(left({"wiki_*"}) == 2);
  CHECK(left({"wiki"}) == 3);
  CHECK(left({"db:/cache"}) == 2);
  CHECK(left({"web:/cache"}) == 3);
  CHECK(left({"/mnt/photos"}) == 2);
  CHECK(left({"/mnt/*"}) == 2);
  CHECK(left({"/mnt/photo"}) == 3);
  CHECK(left({"/var/lib/docker/volumes"}) == 1);
  CHECK(left({"wiki_db", "*:/cache", "/mnt"}) == 0);
  CHECK(left({"*"}) == 0);
}

TEST_CASE("Of a link below a path tar keeps the link alone, and what it leads to is not covered") {
  const test::ScratchDirectory scratch;
  const std::string top = scratch.path().string();
  std::filesystem::create_directories(scratch / "data/wiki/images");
  std::filesystem::create_directories(scratch / "big/films");
  std::filesystem::create_directory_symlink(top + "/data", scratch / "srv");
  std::filesystem::create_directory_symlink(top + "/big/films", scratch / "data/wiki/films");
  const auto wiki = Service("wiki", {top + "/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1", "wiki", "web", {Bind(top + "/data/wiki/images")}}};
  test::LocalHost host;
  LookAtPlaces(host, check, {});
  CHECK(UncoveredWarnings(check, wiki).empty());
  check.containers[0].mounts = {Bind(top + "/srv/wiki/films")};
  LookAtPlaces(host, check, {});
  const auto warnings = UncoveredWarnings(check, wiki);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find(top + "/srv/wiki/films, which") == 0);
  CHECK(warnings[0].find(", " + top + "/big/films]`") != std::string::npos);
  // Unless it is left out on purpose.
  auto excluding = wiki;
  check.services = {&excluding};
  for (const char* pattern : {"films", "f*", "films/*"}) {
    excluding.exclude = {pattern};
    CHECK(UncoveredWarnings(check, excluding).empty());
  }
  excluding.exclude = {"film", "images/*"};
  CHECK(UncoveredWarnings(check, excluding).size() == 1);
}

TEST_CASE("A volume that is a directory by another name is where that is, one in memory is none") {
  const auto wiki = Service("wiki", {"/srv/wiki"});
  const auto volume = [](const std::string& name) {
    return DockerMount{name, "/var/lib/docker/volumes/" + name + "/_data", "/" + name, true};
  };
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {{"wiki_web_1",
                       "wiki",
                       "web",
                       {volume("inside"), volume("elsewhere"), volume("memory"), volume("plain"),
                        volume("nfs"), Bind("/srv/wiki/x")}}};
  test::FakeHost host;
  host.On("for path in", "");
  host.On("docker volume inspect", R"({"name":"inside","type":"none","device":"/srv/wiki/db"}
{"name":"elsewhere","type":"none","device":"/mnt/db"}
{"name":"memory","type":"tmpfs","device":"tmpfs"}
{"name":"plain","type":"","device":""}
{"name":"nfs","type":"nfs","device":":/export"}
{"name":"stranger","type":"none","device":"/x"}
no JSON
)",
          1, "Error: No such volume: gone");
  LookAtPlaces(host, check, {});
  const auto warnings = UncoveredWarnings(check, wiki);
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0].find("`paths: [/srv/wiki, /mnt/db]`") != std::string::npos);
  CHECK(warnings[1].find("(volume nfs)") != std::string::npos);
  // Its `_data` is empty once it is stopped: to write that into `paths:` would be no help.
  CHECK(warnings[1].find("paths: [") == std::string::npos);
  CHECK(warnings[2].find("(volume plain)") != std::string::npos);
  // Nothing is asked if there are no volumes.
  check.containers[0].mounts = {Bind("/srv/wiki/x")};
  LookAtPlaces(host, check, {});
  CHECK(host.Count("docker volume inspect") == 1);
}

namespace {

// One volume, whose `_data` is a path of the service's, on a host that says this of it.
VolumeCheck DataAsPath(const ServiceConfig& service, const std::string& type,
                       const std::string& device) {
  VolumeCheck check;
  check.services = {&service};
  check.containers = {{"wiki_web_1",
                       "wiki",
                       "web",
                       {{"wiki_data", "/var/lib/docker/volumes/wiki_data/_data", "/data", true}}}};
  test::FakeHost host;
  host.On("for path in", "orcio-volume: 1 file /var/lib/docker/volumes/wiki_data/_data|\n");
  host.On("docker volume inspect",
          "{\"name\":\"wiki_data\",\"type\":\"" + type + "\",\"device\":\"" + device + "\"}\n");
  LookAtPlaces(host, check, {});
  return check;
}

}  // namespace

// Archived with exit 0: the empty directory that docker had unmounted it from.
TEST_CASE("A path at which docker mounts a volume covers nothing of a service that is stopped") {
  const std::string data = "/var/lib/docker/volumes/wiki_data/_data";
  auto wiki = Service("wiki", {data});
  wiki.mode = GENERATE(Mode::kStop, Mode::kPrecopy);
  for (const char* type : {"nfs", "cifs", "ext4"}) {
    CAPTURE(type);
    const auto check = DataAsPath(wiki, type, "//nas/share");
    const auto warnings = UncoveredWarnings(check, wiki);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("is mounted there by docker (" + std::string(type)) !=
          std::string::npos);
    CHECK(warnings[0].find("mode: pause") != std::string::npos);
    CHECK(warnings[0].find("`ignore_mounts: [wiki_data]`") != std::string::npos);
    CHECK(FleetingSources(check, wiki).empty());
    const auto found = FindUncovered(check);
    REQUIRE(found.size() == 1);
    CHECK(found[0].remedy.find("mount it on the host") == 0);
  }
  auto bound = DataAsPath(wiki, "none", "/mnt/data");
  const auto warnings = UncoveredWarnings(bound, wiki);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("`paths: [/mnt/data]`") != std::string::npos);
  // What it is mounted from stays.
  auto origin = Service("wiki", {"/mnt"});
  CHECK(UncoveredWarnings(DataAsPath(origin, "none", "/mnt/data"), origin).empty());
  auto both = Service("wiki", {data, "/mnt/data"});
  bound = DataAsPath(both, "none", "/mnt/data");
  CHECK(UncoveredWarnings(bound, both).empty());
  CHECK(FleetingSources(bound, both) == std::vector<std::string>{data});
  // As does a plain volume, and what is mounted for containers that are not stopped.
  CHECK(UncoveredWarnings(DataAsPath(wiki, "", ""), wiki).empty());
  wiki.mode = Mode::kPause;
  CHECK(UncoveredWarnings(DataAsPath(wiki, "nfs", ":/export"), wiki).empty());
  CHECK(UncoveredWarnings(DataAsPath(wiki, "none", "/mnt/data"), wiki).empty());
}

TEST_CASE("A socket is none wherever it lies, and odd names and answers do no harm") {
  const test::ScratchDirectory scratch;
  const std::string socket = (scratch / "ctl").string();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(socket.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, socket.c_str(), socket.size());
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  ::close(fd);
  const auto wiki = Service("wiki", {"/srv/wiki"});
  VolumeCheck check;
  check.services = {&wiki};
  check.containers = {
      {"wiki_web_1", "wiki", "web", {Bind(socket), Bind("/opt/it's\na name"), Bind("/opt/x")}}};
  test::LocalHost host;
  LookAtPlaces(host, check, {});
  const auto warnings = UncoveredWarnings(check, wiki);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find('\n') == std::string::npos);
  CHECK(warnings[0].find("ignore_mounts: ['/opt/it''s") != std::string::npos);

  for (const std::string lie :
       {"orcio-volume: 99 special /srv/wiki|\norcio-volume: x\norcio-volume: 0 file /|\n",
        "orcio-volume: |\norcio-volume: 1|\norcio-volume: 1 file|\nwelcome\n"}) {
    VolumeCheck again{check.services, check.containers, {}, {}};
    test::FakeHost liar;
    liar.On("for path in", lie);
    LookAtPlaces(liar, again, {});
    CHECK(again.resolved.empty());
    CHECK(again.special.empty());
  }
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

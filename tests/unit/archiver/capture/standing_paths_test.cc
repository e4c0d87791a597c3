#include "archiver/tar/standing_paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archiver/host/mounted_places.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/mountinfo_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

ServiceConfig StandingService(std::vector<std::string> paths) {
  ServiceConfig service;
  service.name = "wiki";
  service.paths = std::move(paths);
  service.min_ratio = 0.1;
  return service;
}

std::vector<std::string> PlacesOfMounts(const StandingPaths& standing) {
  std::vector<std::string> places;
  for (const auto& mount : standing.mounts) places.push_back(mount.place);
  return places;
}

// What a host says that has these lines of mountinfo.
StandingPaths LookedAt(const ServiceConfig& service, const std::string& out,
                       const std::vector<std::string>& fleeting = {}) {
  test::FakeHost host;
  host.On("orcio-empty", out + "orcio-empty: end\n");
  return ValueOf(LookAtPaths(host, service, fleeting, {}));
}

class NoBytes : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t bytes) override {
    taken += bytes;
    return {};
  }
  size_t taken = 0;

 private:
  std::array<std::byte, 4096> buffer_{};
};

}  // namespace

TEST_CASE("A line of mountinfo tells place and root and type, whatever optional fields it has") {
  const auto mounts = ParseMountinfo(
      "36 35 98:0 / /srv/a\\040b rw,noatime - ext4 /dev/sda1 rw\n"
      "37 35 98:0 /sub /srv/c rw shared:1 master:2 - nfs4 host:/x rw\n"
      "38 35 98:0 / /srv/d rw\nnonsense\n");
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].place == "/srv/a b");
  CHECK(mounts[0].field == "/srv/a\\040b");
  CHECK(mounts[0].root == "/");
  CHECK(mounts[0].type == "ext4");
  CHECK(mounts[0].device == "98:0");
  CHECK(mounts[1].shown == "98:0 /sub");
  CHECK(mounts[1].root == "/sub");
  CHECK(mounts[1].type == "nfs4");
  CHECK(mounts[2].type.empty());
}

TEST_CASE("Mounts with data on or below or above a path are known, by the path's own name") {
  auto service = StandingService({"/srv/wiki", "/opt/x"});
  service.exclude = {"cache"};
  const auto standing = LookedAt(service,
                                 "orcio-empty: 2\n"
                                 "orcio-real: 1 /data/wiki\n"
                                 "1 0 8:1 / / rw - ext4\n"
                                 "2 1 8:2 / /data rw - ext4\n"
                                 "3 1 8:3 / /data/wiki/a\\040b rw shared:1 - xfs\n"
                                 "4 1 8:4 / /data/wiki2 rw - xfs\n"
                                 "5 1 8:5 / /data/wiki/cache rw - xfs\n"
                                 "6 1 0:6 / /opt/x rw - nfs4\n"
                                 "7 1 8:7 / /var/log rw - xfs\n");
  CHECK(standing.known);
  CHECK(standing.empty == std::vector<std::string>{"/opt/x"});
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/data", "/srv/wiki/a b", "/opt/x"});
  CHECK(standing.mounts[0].above);
  CHECK_FALSE(standing.mounts[1].above);
  CHECK(standing.mounts[1].below);
  CHECK_FALSE(standing.mounts[2].below);
  CHECK(standing.places.size() == 7 + 4);  // of four by a path's name, too
  CHECK(standing.mounts[1].field == "/data/wiki/a\\040b");
}

TEST_CASE("What goes with containers and what comes by itself is no mount to rely on") {
  const auto standing = LookedAt(StandingService({"/var/lib/docker", "/home"}),
                                 "1 0 8:1 / /var/lib/docker/overlay2/x/merged rw - overlay\n"
                                 "2 0 8:2 / /var/lib/docker/containers/x/mounts/shm rw - tmpfs\n"
                                 "3 0 8:3 / /var/lib/docker/zfs/graph/x rw - zfs\n"
                                 "4 0 8:4 / /home/.zfs/snapshot/x rw - zfs\n"
                                 "5 0 8:5 / /home/auto rw - autofs\n"
                                 "6 0 8:6 / /home/auto/ann rw - nfs\n"
                                 "7 0 8:7 / /var/lib/docker/volumes/a/_data rw - nfs\n"
                                 "8 0 8:8 /d /var/lib/docker/volumes/b/_data rw - tmpfs\n"
                                 "9 0 8:9 / /var/lib/docker/volumes/c/_data rw - nfs\n",
                                 {"/var/lib/docker/volumes/a/_data"});
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/var/lib/docker/volumes/c/_data"});
}

TEST_CASE("What is mounted from where it is archived too is no mount to rely on") {
  const std::string disk = "1 0 8:1 / / rw - ext4\n2 1 8:2 / /srv rw - ext4\n";
  const auto of = [&](std::vector<std::string> paths, const std::string& line) {
    auto service = StandingService(std::move(paths));
    service.exclude = {"out"};
    return LookedAt(service, disk + line + " - ext4\n").mounts;
  };
  // BIND's chroot; docker's own directory; a volume of `o: bind` that both paths have.
  CHECK(of({"/var/named"}, "3 1 8:1 /var/named /var/named/chroot/var/named rw").empty());
  CHECK(of({"/var/lib"}, "3 1 8:1 /var/lib/docker /var/lib/docker rw").empty());
  CHECK(of({"/var/v/_data", "/srv/wiki"}, "3 1 8:2 /wiki/data /var/v/_data rw").size() == 1);
  CHECK(of({"/var/v/_data", "/srv/wiki"}, "3 1 8:2 /wiki/data /var/v/_data rw")[0].above);
  // Those that are elsewhere on the host, and not in the archive there.
  const auto conf = of({"/var/named"}, "3 1 8:1 /etc/named.conf /var/named/etc/named.conf rw");
  REQUIRE(conf.size() == 1);
  CHECK(conf[0].elsewhere == "/etc/named.conf");
  CHECK(of({"/var/lib"}, "3 1 8:1 /var/lib/out /var/lib/in rw").size() == 1);
  // What is not mounted anywhere else, is gone, or is hidden by another disk.
  for (const char* line :
       {"3 1 8:9 /var/lib/a /var/lib/b rw", "3 1 8:1 /var/lib/a//deleted /var/lib/b rw",
        "3 1 8:1 /srv/a /var/lib/b rw"}) {
    CAPTURE(line);
    const auto mounts = of({"/var/lib"}, line);
    REQUIRE(mounts.size() == 1);
    CHECK(mounts[0].elsewhere.empty());
  }
}

TEST_CASE("Of two places that show one disk the later one may go") {
  const auto standing = LookedAt(StandingService({"/srv"}),
                                 "1 0 8:1 / / rw - ext4\n"
                                 "2 1 8:2 / /srv/disk rw - ext4\n"
                                 "3 1 8:2 / /srv/copy rw - ext4\n");
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/srv/disk"});
  CHECK(standing.settled == std::vector<std::string>{"/srv/copy"});
}

TEST_CASE("Mounts that a service of any control ignores by their place are not relied on") {
  auto service = StandingService({"/srv/wiki"});
  service.control = ControlKind::kSystemd;
  service.ignore_mounts = {"/srv/wiki/tmp*", "data"};
  const auto standing = LookedAt(service,
                                 "2 1 8:2 / /srv/wiki/tmp1 rw - ext4\n"
                                 "3 1 8:3 / /srv/wiki/tmp2/x rw - ext4\n"
                                 "4 1 8:4 / /srv/wiki/data rw - ext4\n");
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/srv/wiki/data"});
}

TEST_CASE("A host that does not say what stands at the paths is not asked again") {
  const auto service = StandingService({"/srv/wiki"});
  for (const std::string out :
       {"", "orcio-empty: 1\n", "orcio-empty: 99\norcio-real: x /\n", "welcome\n"}) {
    test::FakeHost host;
    host.On("orcio-empty", out);
    host.stream = [](ByteSink&, const std::stop_token&) { return CommandResult{}; };
    const auto standing = ValueOf(LookAtPaths(host, service, {}, {}));
    CHECK_FALSE(standing.known);
    NoBytes sink;
    PathLosses losses;
    REQUIRE_OK(MakeWatchfulHost(host, service, standing, {}, losses)->Stream("tar", sink, {}, {}));
    CHECK(host.commands.back() == "stream tar");
  }
}

TEST_CASE("What a host says it has lost is told with its name, and nonsense is none of it") {
  const auto service = StandingService({"/srv/wiki", "/srv/db"});
  const StandingPaths before{true, {}, {{"/srv/wiki/\033[2Jdata", "/srv/wiki/data", false}}};
  test::FakeHost host;
  PathLosses losses;
  const auto says = [&](const std::string& err, int status) {
    host.stream = [=](ByteSink&, const std::stop_token&) {
      CommandResult result;
      result.exit_status = status;
      result.err = err;
      return Result<CommandResult>(result);
    };
    NoBytes sink;
    return MakeWatchfulHost(host, service, before, {}, losses)->Stream("tar", sink, {}, {});
  };
  const auto lost = says("orcio-lost: empty:2\n", 98);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().kind == ErrorKind::kRemote);
  CHECK(lost.error().message.find("/srv/db held something") != std::string::npos);
  CHECK(lost.error().message.find("mode: pause") != std::string::npos);
  const auto unmounted = says("orcio-lost: empty:1 unmounted:1\n", 98);
  REQUIRE_FALSE(unmounted);
  CHECK(unmounted.error().message.find("data is not any more") != std::string::npos);
  CHECK(unmounted.error().message.find('\033') == std::string::npos);
  for (const char* nonsense : {"", "orcio-lost:\n", "orcio-lost: empty:9 unmounted: x empty:\n"})
    REQUIRE_OK(says(nonsense, 98));
  REQUIRE_OK(says("orcio-lost: empty:1\n", 2));
  CHECK(losses.warnings.empty());
}

TEST_CASE("What goes below a path is told of and is none of tar's words") {
  const auto service = StandingService({"/srv/wiki", "/srv/db"});
  const StandingPaths before{true,
                             {},
                             {{"/srv/wiki/\033[2Jdata", "/srv/wiki/data", false, true},
                              {"/srv/wiki/conf", "/srv/wiki/conf", false, true, "", "/etc/conf"}}};
  const auto says = [&](const std::string& err, PathLosses& losses) {
    test::FakeHost host;
    host.stream = [&](ByteSink&, const std::stop_token&) {
      CommandResult result;
      result.err = err;
      return Result<CommandResult>(result);
    };
    NoBytes sink;
    return ValueOf(MakeWatchfulHost(host, service, before, {}, losses)->Stream("tar", sink, {}, {}))
        .err;
  };
  PathLosses both;
  CHECK(says("x\norcio-gone: unmounted:1 unmounted:2\ntar: y\n", both) == "x\ntar: y\n");
  CHECK(both.data);
  REQUIRE(both.warnings.size() == 2);
  CHECK(both.warnings[0].find("on the host it is /etc/conf") != std::string::npos);
  CHECK(both.warnings[1].find("data, which went when the service stopped") != std::string::npos);
  CHECK(both.warnings[1].find('\033') == std::string::npos);
  PathLosses bare;
  CHECK(says("orcio-gone: bare:2", bare).empty());
  CHECK_FALSE(bare.data);
  REQUIRE(bare.warnings.size() == 1);
  CHECK(bare.warnings[0].starts_with("/srv/db held something before"));
  // Elsewhere on the host, it is not in the archive either.
  PathLosses elsewhere;
  CHECK(says("orcio-gone: bare:2 unmounted:2", elsewhere).empty());
  CHECK(elsewhere.data);
  REQUIRE(elsewhere.warnings.size() == 2);
  CHECK(elsewhere.warnings[0].find("takes no place of a good one") != std::string::npos);
  for (const std::string nonsense : {"", "tar: orcio-gone: unmounted:1\n"}) {
    PathLosses none;
    CHECK(says(nonsense, none) == nonsense);
    CHECK(none.warnings.empty());
  }
  PathLosses none;
  CHECK(says("orcio-gone: bare:9 unmounted: unmounted:x bare\n", none).empty());
  CHECK(none.warnings.empty());
}

TEST_CASE("Only the first stream looks, and it looks without another call") {
  const test::ScratchDirectory scratch;
  const std::string odd = (scratch / "it's a \\040 *").string();
  std::filesystem::create_directories(odd + "/disk");
  test::MountinfoHost host(scratch / "mountinfo");
  std::string field = odd + "/disk";
  for (size_t at = 0; (at = field.find_first_of("\\ ", at)) != std::string::npos; at += 4)
    field.replace(at, 1, field[at] == ' ' ? "\\040" : "\\134");
  const std::string mounted = "/ " + field + " rw - ext4 /dev/sdb1 rw";
  host.SetMounts({mounted});
  const auto service = StandingService({odd});
  const auto standing = ValueOf(LookAtPaths(host, service, {}, {}));
  REQUIRE(PlacesOfMounts(standing) == std::vector<std::string>{odd + "/disk"});
  PathLosses losses;
  const auto watchful = MakeWatchfulHost(host, service, standing, {}, losses);
  NoBytes sink;
  CHECK(ValueOf(watchful->Stream("echo x; exit 98", sink, {}, {})).exit_status == 98);
  CHECK(sink.taken == 2);
  host.SetMounts({});
  CHECK(ValueOf(watchful->Stream("echo x", sink, {}, {})).exit_status == 0);
  CHECK(sink.taken == 4);
  CHECK(losses.warnings.empty());
  const auto again = MakeWatchfulHost(host, service, standing, {}, losses);
  CHECK(ValueOf(again->Stream("echo x", sink, {}, {})).err.empty());
  CHECK(sink.taken == 6);
  CHECK(losses.data);
  CHECK(host.commands().size() == 4);
}

// In a directory of its own, with what a test has mounted.
TEST_CASE("A path is lost once another file system is there or another directory that is empty") {
  const test::ScratchDirectory scratch;
  const std::string path = (scratch / "wiki").string();
  std::filesystem::create_directory(path);
  std::ofstream(path + "/page") << "text";
  test::MountinfoHost host(scratch / "mountinfo");
  const std::string lower = "8:2 / " + path + " rw - ext4 /dev/sdb1 rw";
  const std::string upper = "8:3 / " + path + " rw - ext4 /dev/sdc1 rw";
  host.SetMounts({lower, upper});
  const auto service = StandingService({path});
  const auto standing = ValueOf(LookAtPaths(host, service, {}, {}));
  REQUIRE(standing.nodes.count(path) == 1);
  const auto streams = [&] {
    PathLosses losses;
    NoBytes sink;
    const auto ended =
        MakeWatchfulHost(host, service, standing, {}, losses)->Stream("echo x", sink, {}, {});
    CHECK(losses.warnings.empty());
    CHECK((sink.taken == 2) == ended.has_value());
    return ended.has_value();
  };
  CHECK(streams());
  std::filesystem::remove(path + "/page");
  CHECK(streams());  // the service has emptied it
  host.SetMounts({lower});
  CHECK_FALSE(streams());
  host.SetMounts({lower, upper});
  std::filesystem::rename(path, path + "2");
  std::filesystem::create_directory(path);
  CHECK_FALSE(streams());
  std::ofstream(path + "/page") << "text";
  CHECK(streams());
}

TEST_CASE("An empty path of which nothing is known is a warning") {
  const test::ScratchDirectory scratch;
  const std::string path = (scratch / "wiki").string();
  std::filesystem::create_directory(path);
  const bool tells = GENERATE(false, true);
  test::MountinfoHost host(scratch / "mountinfo");
  if (!tells) std::ofstream(scratch / "mountinfo", std::ios::trunc).close();
  const auto service = StandingService({path});
  const StandingPaths before{true, {}, {}};
  PathLosses losses;
  NoBytes sink;
  const auto watchful = MakeWatchfulHost(host, service, before, {}, losses);
  CHECK(ValueOf(watchful->Stream("echo x", sink, {}, {})).err.empty());
  CHECK(losses.warnings.size() == (tells ? 0 : 1));
  CHECK_FALSE(losses.data);
}

// A sorted list ends with its last name, a long one, which `head` need not wait for.
TEST_CASE("Only one name is asked of a large directory where ls can") {
  const test::ScratchDirectory scratch;
  const std::string bin = (scratch / "bin").string();
  std::filesystem::create_directory(bin);
  const bool knows = GENERATE(false, true);
  std::ofstream(bin + "/ls") << "#!/bin/sh\necho \"$1\" >>'" << (scratch / "asked").string()
                             << "'\n"
                             << (knows ? "" : "case $1 in *U*) exit 1 ;; esac\n") << "echo x\n";
  std::filesystem::permissions(bin + "/ls", std::filesystem::perms(0755));
  test::LocalHost host("localhost", {{"PATH", bin + ":" + std::getenv("PATH")}});
  const auto service = StandingService({bin, scratch.path().string()});
  CHECK(ValueOf(LookAtPaths(host, service, {}, {})).empty.empty());
  std::ifstream asked(scratch / "asked");
  const std::string all{std::istreambuf_iterator<char>(asked), {}};
  CHECK(all == (knows ? "-dU1A\n-U1A\n-U1A\n" : "-dU1A\n-A\n-A\n"));
}

}  // namespace orcio

#include "archiver/tar/standing_paths.h"

#include <algorithm>
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
                                 "4 1 8:3 / /data/wiki2 rw - xfs\n"
                                 "5 1 8:3 / /data/wiki/cache rw - xfs\n"
                                 "6 1 8:3 / /opt/x rw - nfs4\n"
                                 "7 1 8:3 / /var/log rw - xfs\n");
  CHECK(standing.known);
  CHECK(standing.empty == std::vector<std::string>{"/opt/x"});
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/data", "/srv/wiki/a b", "/opt/x"});
  CHECK(standing.mounts[0].above);
  CHECK_FALSE(standing.mounts[1].above);
  CHECK(standing.mounts[1].field == "/data/wiki/a\\040b");
}

TEST_CASE("What goes with containers and what comes by itself is no mount to rely on") {
  const auto standing = LookedAt(StandingService({"/var/lib/docker", "/home"}),
                                 "1 0 8:1 / /var/lib/docker/overlay2/x/merged rw - overlay\n"
                                 "2 0 8:1 / /var/lib/docker/containers/x/mounts/shm rw - tmpfs\n"
                                 "3 0 8:1 / /var/lib/docker/zfs/graph/x rw - zfs\n"
                                 "4 0 8:1 / /home/.zfs/snapshot/x rw - zfs\n"
                                 "5 0 8:1 / /home/auto rw - autofs\n"
                                 "6 0 8:1 / /home/auto/ann rw - nfs\n"
                                 "7 0 8:1 / /var/lib/docker/volumes/a/_data rw - nfs\n"
                                 "8 0 8:1 /d /var/lib/docker/volumes/b/_data rw - tmpfs\n"
                                 "9 0 8:1 / /var/lib/docker/volumes/c/_data rw - nfs\n",
                                 {"/var/lib/docker/volumes/a/_data"});
  CHECK(PlacesOfMounts(standing) == std::vector<std::string>{"/var/lib/docker/volumes/b/_data",
                                                             "/var/lib/docker/volumes/c/_data"});
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
    REQUIRE_OK(MakeWatchfulHost(host, service, standing, {})->Stream("tar", sink, {}, {}));
    CHECK(host.commands.back() == "stream tar");
  }
}

TEST_CASE("What a host says it has lost is told with its name, and nonsense is none of it") {
  const auto service = StandingService({"/srv/wiki", "/srv/db"});
  const StandingPaths before{true, {}, {{"/srv/wiki/\033[2Jdata", "/srv/wiki/data", false}}};
  test::FakeHost host;
  const auto says = [&](const std::string& err, int status) {
    host.stream = [=](ByteSink&, const std::stop_token&) {
      CommandResult result;
      result.exit_status = status;
      result.err = err;
      return Result<CommandResult>(result);
    };
    NoBytes sink;
    return MakeWatchfulHost(host, service, before, {})->Stream("tar", sink, {}, {});
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
}

TEST_CASE("Only the first stream looks, and it looks without another call") {
  const test::ScratchDirectory scratch;
  const std::string odd = (scratch / "it's a \\040 *").string();
  std::filesystem::create_directories(odd + "/disk");
  test::MountinfoHost host(scratch / "mountinfo");
  std::string field = odd + "/disk";
  for (size_t at = 0; (at = field.find_first_of("\\ ", at)) != std::string::npos; at += 4)
    field.replace(at, 1, field[at] == ' ' ? "\\040" : "\\134");
  host.SetMounts({"/ " + field + " rw - ext4 /dev/sdb1 rw"});
  const auto service = StandingService({odd});
  const auto standing = ValueOf(LookAtPaths(host, service, {}, {}));
  REQUIRE(PlacesOfMounts(standing) == std::vector<std::string>{odd + "/disk"});
  const auto watchful = MakeWatchfulHost(host, service, standing, {});
  NoBytes sink;
  CHECK(ValueOf(watchful->Stream("echo x; exit 98", sink, {}, {})).exit_status == 98);
  CHECK(sink.taken == 2);
  host.SetMounts({});
  CHECK(ValueOf(watchful->Stream("echo x", sink, {}, {})).exit_status == 0);
  CHECK(sink.taken == 4);
  const auto again = MakeWatchfulHost(host, service, standing, {});
  CHECK_FALSE(again->Stream("echo x", sink, {}, {}));
  CHECK(sink.taken == 4);
  CHECK(host.commands().size() == 4);
}

}  // namespace orcio

// A volume that docker itself mounts, on a real dockerd: it is unmounted when its container stops.

#include <chrono>
#include <fstream>

#include "archiver/control/service_control.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

// One container that keeps its data in a volume, which is a directory by another name.
struct BoundVolume {
  DockerdFixture dockerd;
  ScratchDirectory scratch;
  ServiceConfig service;

  BoundVolume() {
    std::filesystem::create_directory(scratch / "disk");
    std::filesystem::create_directory(scratch / "repository");
    std::ofstream(scratch / "disk/rows") << "text";
    dockerd.Up("shop", scratch / "stack",
               "version: '2.4'\n"
               "services:\n"
               "  db:\n"
               "    image: busybox\n"
               "    network_mode: none\n"
               "    command: [sh, -c, 'trap exit TERM; while :; do sleep 1; done']\n"
               "    volumes: ['data:/data']\n"
               "volumes:\n"
               "  data:\n"
               "    driver_opts: {type: none, o: bind, device: '" +
                   (scratch / "disk").string() + "'}\n");
    service.name = service.project = "shop";
    service.host = "localhost";
    service.paths = {dockerd.Docker({"volume", "inspect", "-f", "{{.Mountpoint}}", "shop_data"})};
    service.min_ratio = 0.1;
    service.start_timeout = std::chrono::seconds(120);
  }
  ~BoundVolume() { dockerd.Docker({"rm", "-f", "shop_db_1"}); }
  BoundVolume(const BoundVolume&) = delete;
  BoundVolume& operator=(const BoundVolume&) = delete;

  [[nodiscard]] ServiceOutcome Run() const {
    LocalHost host("localhost", dockerd.Environment(DockerdFixture::Compose::kNone));
    const auto control = MakeServiceControl(service);
    return RunService({service, LocalFileSystem(), scratch / "repository", {}, {}}, host, *control,
                      {});
  }
  void CheckRuns() const {
    CHECK(dockerd.Docker({"inspect", "-f", "{{.State.Status}}", "shop_db_1"}) == "running");
  }
};

}  // namespace

TEST_CASE("A volume that docker unmounts with its container makes no archive; its directory does") {
  BoundVolume shop;
  const std::string data = shop.service.paths[0];
  CAPTURE(data);
  REQUIRE(std::filesystem::exists(data + "/rows"));
  const auto lost = shop.Run();
  REQUIRE(lost.error);
  INFO(lost.error->message);
  CHECK(lost.error->kind == ErrorKind::kRemote);
  CHECK(lost.error->message.find(data) != std::string::npos);
  CHECK_FALSE(lost.start_error);
  CHECK(std::filesystem::is_empty(shop.scratch / "repository"));
  REQUIRE(lost.facts.warnings.size() == 1);
  CHECK(lost.facts.warnings[0].find("`paths: [" + (shop.scratch / "disk").string() + "]`") !=
        std::string::npos);
  shop.CheckRuns();

  shop.service.mode = Mode::kPause;
  const auto paused = shop.Run();
  INFO((paused.error ? paused.error->message : ""));
  CHECK_FALSE(paused.error);
  CHECK(paused.facts.warnings.empty());
  CHECK(paused.entries == 2);

  shop.service.mode = Mode::kStop;
  shop.service.paths = {(shop.scratch / "disk").string()};
  const auto kept = shop.Run();
  INFO((kept.error ? kept.error->message : ""));
  CHECK_FALSE(kept.error);
  CHECK(kept.facts.warnings.empty());
  CHECK(kept.entries == 2);
  shop.CheckRuns();
}

}  // namespace orcio::test

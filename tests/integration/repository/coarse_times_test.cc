// A repository on a real file system that keeps times to the second: ext4 with inodes of 128 bytes.

#include <sys/stat.h>

#include <atomic>

#include "fusefs/mount/repository_watch.h"
#include "fusefs/tree/namespace.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/catch.h"
#include "tests/support/files/loop_disk.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

// Mostly one is enough: between two archives no more is done than a look.
constexpr int kMostRounds = 20;
constexpr const char* kFirst = "2025-11-16T020000Z";
constexpr const char* kSecond = "2025-11-23T020000Z";

int64_t ChangeTime(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_nsec == 0);  // or this is no such file system
  return status.st_mtim.tv_sec;
}

class CoarseRepository : public LiveRepository {
 public:
  CoarseRepository() : disk_(directory(), uint64_t{16} << 20, {"-I", "128"}) {
    if (!disk_.is_ext4()) SkipOrFail("this test needs loop devices");
    std::filesystem::create_directory(made());
    Write("file", "content");
  }

  // Two archives of a service that arrive one after the other, `look` in between, each in an
  // instant. Whether they did within one second, so that the directory has the time of change that
  // it had at the look.
  template <class Look>
  [[nodiscard]] bool ArriveAtOnce(const std::string& service, const Look& look) const {
    for (const char* date : {kFirst, kSecond}) Make(Name(service, date));
    AwaitTick();
    Publish(Name(service, kFirst));
    look();
    const int64_t before = ChangeTime(directory());
    Publish(Name(service, kSecond));
    return ChangeTime(directory()) == before;
  }

 private:
  static std::string Name(const std::string& service, const std::string& date) {
    return service + "-" + date + ".tar.gz";
  }
  [[nodiscard]] std::filesystem::path made() const { return directory() / "made"; }
  void Make(const std::string& name) const {
    const auto written = WriteArchive(LocalFileSystem(), made(), name, TarOf(source()));
    REQUIRE(written.has_value());
  }
  void Publish(const std::string& name) const {
    std::filesystem::rename(made() / (name + ".idx"), directory() / (name + ".idx"));
    std::filesystem::rename(made() / name, directory() / name);
  }
  // Until a second has just begun, by the file system's clock.
  void AwaitTick() const {
    const auto tick = made() / "tick";
    const auto touch = [&] {
      std::ofstream(tick) << "x";
      return ChangeTime(tick);
    };
    const int64_t before = touch();
    REQUIRE(Eventually([&] { return touch() != before; }));
  }

  const LoopDisk disk_;
};

}  // namespace

TEST_CASE_METHOD(CoarseRepository,
                 "An archive that arrives in the second in which another did is shown at once") {
  SpanCache cache(uint64_t{1} << 20);
  bool same_time = false;
  for (int round = 0; round < kMostRounds && !same_time; ++round) {
    const std::string service = fmt::format("service{}", round);
    std::unique_ptr<Namespace> tree;
    Namespace::Inode inode = 0;
    same_time = ArriveAtOnce(service, [&] {
      tree = ValueOf(Namespace::Open(Repository(LocalFileSystem(), directory()), cache));
      const auto found = ValueOf(tree->Lookup(Namespace::kRoot, service));
      REQUIRE(found.has_value());
      inode = found->inode;
    });
    CHECK(ValueOf(tree->Lookup(inode, kFirst)).has_value());
    CHECK(ValueOf(tree->Lookup(inode, kSecond)).has_value());
  }
  CHECK(same_time);
}

TEST_CASE_METHOD(CoarseRepository,
                 "A watch that looks tells again of a second in which more may have come") {
  bool same_time = false;
  for (int round = 0; round < kMostRounds && !same_time; ++round) {
    std::atomic<int> told = 0;
    RepositoryWatch watch(
        directory(), [&] { ++told; },
        {RepositoryWatch::Method::kPoll, std::chrono::milliseconds(20), std::chrono::hours(1)});
    same_time = ArriveAtOnce(fmt::format("service{}", round), [&] {
      watch.Start();
      REQUIRE(Eventually([&] { return told > 0; }));
    });
    // One look may have begun before the second came.
    const int before = told;
    CHECK(Eventually([&] { return told > before + 1; }));
    watch.Stop();
  }
  CHECK(same_time);
}

TEST_CASE_METHOD(CoarseRepository, "A mount shows what arrives in the second of another change") {
  const MountFixture mount(directory());
  bool same_time = false;
  for (int round = 0; round < kMostRounds && !same_time; ++round) {
    const auto service = mount / fmt::format("service{}", round);
    same_time = ArriveAtOnce(service.filename(), [&] {
      // Whoever lists the repository already may have begun before the archive came.
      REQUIRE(Eventually([&] { return std::filesystem::exists(service / kFirst); }));
    });
    CHECK(Eventually([&] { return std::filesystem::exists(service / kSecond); }));
    CHECK(ReadAll(service / kSecond / "file") == "content");
    CHECK(Eventually([&] {
      return MustRun({"readlink", (service / "latest").string()}) == std::string(kSecond) + "\n";
    }));
  }
  CHECK(same_time);
}

}  // namespace orcio

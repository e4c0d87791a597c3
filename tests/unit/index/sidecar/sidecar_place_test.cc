#include "index/sidecar/read/sidecar_place.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/bytes.h"
#include "index/rebuild/rebuild.h"
#include "index/repository/repository.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

// A repository with an archive that orcio did not write.
struct Places {
  test::ScratchDirectory scratch;
  std::filesystem::path archive = scratch / "repository/wiki-20221105.tar.gz";
  std::filesystem::path beside = archive.string() + ".idx";
  std::filesystem::path index = scratch / "a/b/index";
  std::filesystem::path apart = index / "wiki-20221105.tar.gz.idx";

  Places() {
    std::filesystem::create_directories(archive.parent_path());
    Put(test::MakeTar(1000));
  }
  void Put(const std::vector<std::byte>& tar) const {
    std::ofstream(archive, std::ios::binary) << AsText(test::Gzip(tar));
  }
  [[nodiscard]] std::filesystem::path Listed() const {
    return ValueOf(Repository(LocalFileSystem(), archive.parent_path(), index).List())[0].sidecar;
  }
};

}  // namespace

TEST_CASE("Without an index directory a sidecar is beside its archive") {
  const Places places;
  CHECK(SidecarPlace(LocalFileSystem(), places.archive, {}) == places.beside);
}

TEST_CASE("An index directory has the sidecars, and is for its owner alone") {
  const Places places;
  CHECK(places.Listed() == places.apart);
  REQUIRE_OK(MakeIndexDirectory(places.index));
  REQUIRE_OK(MakeIndexDirectory(places.index));
  struct stat status {};
  REQUIRE(::stat(places.index.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), places.archive, places.Listed(), {}, {}));
  CHECK(std::filesystem::exists(places.apart));
  CHECK_FALSE(std::filesystem::exists(places.beside));
  CHECK(places.Listed() == places.apart);
}

TEST_CASE("A good sidecar beside its archive is used though there is an index directory") {
  const Places places;
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), places.archive, places.beside, {}, {}));
  CHECK(places.Listed() == places.beside);
  places.Put(test::MakeTar(500'000));  // another archive: the sidecar is not its own
  CHECK(places.Listed() == places.apart);
}

TEST_CASE("Each repository has its own index directory in the cache") {
  const test::ScratchDirectory scratch;
  ::setenv("XDG_CACHE_HOME", scratch.path().c_str(), 1);
  const auto one = CacheIndexDirectory("/srv/one");
  const auto two = CacheIndexDirectory("/srv/two");
  ::unsetenv("XDG_CACHE_HOME");
  CHECK(one.parent_path() == scratch / "orcio");
  CHECK(one != two);
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ::setenv("HOME", "/home/somebody", 1);
  CHECK(CacheIndexDirectory("/srv/one").parent_path() == "/home/somebody/.cache/orcio");
  ::unsetenv("HOME");
  // A job of cron or systemd has no home.
  CHECK(CacheIndexDirectory("/srv/one").parent_path() == "/var/cache/orcio");
  if (home != nullptr) ::setenv("HOME", before.c_str(), 1);
}

}  // namespace orcio

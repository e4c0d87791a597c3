#include "index/repository/free_name.h"

#include <fstream>

#include "index/files/file_system.h"
#include "index/repository/archive_name.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr int64_t kNow = 1'795'399'200;

// A clock that goes on by `step` with each look.
std::function<int64_t()> ClockOf(int64_t step) {
  return [seconds = kNow - step, step]() mutable { return seconds += step; };
}

void Take(const test::ScratchDirectory& repository, int64_t seconds) {
  std::ofstream(repository / MakeArchiveName("wiki", seconds));
}

}  // namespace

TEST_CASE("A new archive is called after the first second whose name is free") {
  const test::ScratchDirectory repository;
  int64_t expected = kNow;
  SECTION("this one") {}
  SECTION("the next") {
    Take(repository, kNow);
    expected = kNow + 1;
  }
  const auto found =
      FindFreeName(LocalFileSystem(), repository.path(), "wiki", ClockOf(1), std::stop_token());
  REQUIRE(found);
  CHECK(found->utc_seconds == expected);
  CHECK(found->name == MakeArchiveName("wiki", expected));
}

TEST_CASE("A clock that stands still never makes an archive take another's name") {
  const test::ScratchDirectory repository;
  Take(repository, kNow);
  const auto found =
      FindFreeName(LocalFileSystem(), repository.path(), "wiki", ClockOf(0), std::stop_token());
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kIo);
  CHECK(found.error().message.find("clock") != std::string::npos);
}

TEST_CASE("Waiting for a free name ends with a stop request") {
  const test::ScratchDirectory repository;
  Take(repository, kNow);
  std::stop_source stop;
  stop.request_stop();
  const auto found =
      FindFreeName(LocalFileSystem(), repository.path(), "wiki", ClockOf(1), stop.get_token());
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kCancelled);
}

}  // namespace orcio

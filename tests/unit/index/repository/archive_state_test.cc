#include "index/repository/archive_state.h"

#include <cerrno>
#include <fstream>

#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

// An archive with its sidecar, of which a call to the file system fails.
struct FailingArchive {
  test::ScratchDirectory scratch;
  test::FailingFiles files{LocalFileSystem()};
  ArchiveFile archive;

  FailingArchive() {
    REQUIRE_OK(test::WriteArchive(LocalFileSystem(), scratch.path(),
                                  "wiki-2026-11-23T020000Z.tar.gz", test::MakeTar(1000)));
    archive = ValueOf(Repository(LocalFileSystem(), scratch.path()).List()).at(0);
  }
  [[nodiscard]] ArchiveState LookWhere(size_t call, int errnum) {
    files.FailAt(call, errnum);
    return LookAtArchive(files, archive);
  }
};

constexpr size_t kOpensArchive = 1;
constexpr size_t kOpensSidecar = 2;
constexpr size_t kReadsEdges = 3;

}  // namespace

TEST_CASE("What may not be read is denied, not damaged") {
  // It was "index damaged".
  FailingArchive failing;
  for (const size_t call : {kOpensArchive, kOpensSidecar}) {
    for (const int errnum : {EACCES, EPERM}) {
      const auto state = failing.LookWhere(call, errnum);
      CHECK(state.words == "permission denied");
      REQUIRE(state.failure.has_value());
      CHECK(state.failure->errnum == errnum);
      CHECK_FALSE(state.whole());
    }
  }
}

TEST_CASE("What the disk does not give is unreadable, not damaged") {
  FailingArchive failing;
  CHECK(failing.LookWhere(kOpensArchive, EIO).words == "unreadable");
  CHECK(failing.LookWhere(kOpensSidecar, EIO).words == "index unreadable");
  // It was "index of another archive".
  const auto state = failing.LookWhere(kReadsEdges, EIO);
  CHECK(state.words == "unreadable");
  REQUIRE(state.failure.has_value());
  CHECK(state.failure->errnum == EIO);
}

TEST_CASE("Of what is damaged, missing or another's there is nothing but that to say") {
  FailingArchive failing;
  CHECK(failing.LookWhere(0, 0).words == "complete");
  CHECK_FALSE(failing.LookWhere(0, 0).failure.has_value());
  std::filesystem::resize_file(failing.archive.sidecar, 4096);
  CHECK(failing.LookWhere(0, 0).words == "index damaged");
  std::filesystem::remove(failing.archive.sidecar);
  CHECK(failing.LookWhere(0, 0).words == "not indexed");
  std::filesystem::remove(failing.archive.path);
  const auto gone = failing.LookWhere(0, 0);
  CHECK(gone.words == "unreadable");
  CHECK_FALSE(gone.failure.has_value());
}

TEST_CASE("An archive that differs from its index may be what is damaged, and is said to differ") {
  FailingArchive failing;
  SECTION("in a byte") {
    test::FlipByte(failing.archive.path, 100);
    CHECK(failing.LookWhere(0, 0).words == "differs from its index");
  }
  SECTION("in its size") {
    std::ofstream(failing.archive.path, std::ios::app) << 'x';
    CHECK(failing.LookWhere(0, 0).words == "index of another archive");
  }
  CHECK_FALSE(failing.LookWhere(0, 0).whole());
}

}  // namespace orcio

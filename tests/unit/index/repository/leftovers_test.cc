#include "index/upkeep/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <set>

#include "index/archive/write/archive_writer.h"
#include "index/rebuild/rebuild.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using Names = std::set<std::string>;

const std::string kName = "wiki-2026-11-23T020000Z.tar.gz";
constexpr int64_t kDay = 24 * 60 * 60;

Names NamesIn(const std::filesystem::path& directory) {
  const auto names = ValueOf(LocalFileSystem().List(directory));
  return {names.begin(), names.end()};
}

Names Remove(const std::filesystem::path& directory, int64_t now = std::time(nullptr)) {
  const auto removed = ValueOf(RemoveLeftovers(LocalFileSystem(), directory, now));
  CHECK(removed.errors.empty());
  return {removed.names.begin(), removed.names.end()};
}

void Touch(const std::filesystem::path& path) {
  std::ofstream(path) << "x";
}
// Of a time in seconds since the epoch.
void Touch(const std::filesystem::path& path, int64_t seconds) {
  Touch(path);
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("The part files of archives and sidecars are leftovers, and nothing else is") {
  const test::ScratchDirectory scratch;
  const Names leftovers{"." + kName + ".part",
                        ".my-wiki.2-2026-11-23T020000Z.tar.gz.part",
                        "." + kName + ".idx.part",
                        "." + kName + ".idx.17.part",
                        "." + kName + ".layer.1.part",
                        "." + kName + ".layer.12.idx.part",
                        "." + kName + ".listing.part",
                        "." + kName + ".kept.part",
                        "." + kName + ".kept.idx.part",
                        "." + kName + ".kept.listing.part",
                        "." + kName + ".listing.2.part",
                        ".orcio-scratch.a1B2c3",
                        ".wiki-20221105.tgz.idx.part",
                        ".wiki-2022-11-05T03:00:00.tar.idx.2.part",
                        ".wiki-20221105.tgz.idx.resume.part",
                        ".wiki-20221105.tgz.idx.resume.2.part",
                        ".wiki-20221105.tgz.idx.windows.part"};
  const Names others{".orcio.lock",
                     kName,
                     kName + ".idx",
                     kName + ".part",
                     ".wiki-20221105.tar.gz.part",
                     ".photos.part",
                     ".part",
                     "..part",
                     ".protected",
                     "..verified",
                     "." + kName + ".part.part",
                     "." + kName + ".2.part",
                     ".photos.layer.1.part",
                     ".photos.kept.part",
                     "photos.kept",
                     kName + ".kept",
                     kName + ".kept.idx",
                     "." + kName + ".kept.listing",
                     "." + kName + ".layer.x.part",
                     "." + kName + ".idx.x.part",
                     "." + kName + ".idx..part",
                     "notes.idx",
                     ".wiki.idx.part",
                     ".wiki.idx.resume.part",
                     ".wiki.idx.resume"};
  for (const Names* names : {&leftovers, &others}) {
    for (const auto& name : *names) Touch(scratch / name);
  }
  CHECK(Remove(scratch.path()) == leftovers);
  CHECK(NamesIn(scratch.path()) == others);
}

TEST_CASE("What lies beside an archive that is not there is a leftover once it is a day old") {
  const test::ScratchDirectory scratch;
  const Names beside{"." + kName + ".listing", "." + kName + ".protected",
                     "." + kName + ".verified", kName + ".idx", "." + kName + ".idx.resume"};
  const int64_t now = std::time(nullptr);
  for (const auto& name : beside) Touch(scratch / name, now);
  CHECK(Remove(scratch.path(), now + kDay - 10).empty());
  Touch(scratch / kName);
  CHECK(Remove(scratch.path(), now + kDay + 10).empty());
  REQUIRE_OK(LocalFileSystem().Remove(scratch / kName));
  CHECK(Remove(scratch.path(), now + kDay + 10) == beside);
  CHECK(NamesIn(scratch.path()).empty());
}

TEST_CASE("What a run that gave up has kept is a leftover once five weeks have passed") {
  const test::ScratchDirectory scratch;
  const Names kept{kName + ".kept", kName + ".kept.idx", "." + kName + ".kept.listing"};
  const Names others{"photos.kept", "." + kName + ".kept", "photos.tar.gz.kept"};
  const int64_t now = std::time(nullptr);
  for (const Names* names : {&kept, &others}) {
    for (const auto& name : *names) Touch(scratch / name, now);
  }
  CHECK(Remove(scratch.path(), now + 35 * kDay - 10).empty());
  CHECK(Remove(scratch.path(), now + 35 * kDay + 10) == kept);
  CHECK(NamesIn(scratch.path()) == others);
}

TEST_CASE("What was found by interrupted indexing is a leftover once five weeks have passed") {
  const test::ScratchDirectory scratch;
  const std::string log = "." + kName + ".idx.resume";
  for (const auto& name : {kName, log}) Touch(scratch / name);
  const int64_t now = std::time(nullptr);
  CHECK(Remove(scratch.path(), now + 35 * kDay - 10).empty());
  CHECK(Remove(scratch.path(), now + 35 * kDay + 10) == Names{log});
}

TEST_CASE("What was found by indexing is a leftover once the sidecar is younger than that") {
  const test::ScratchDirectory scratch;
  const std::string log = "." + kName + ".idx.resume";
  const int64_t now = std::time(nullptr);
  Touch(scratch / kName, now);
  Touch(scratch / log, now);
  for (const int64_t sidecar : {now - 10, now}) {
    Touch(scratch / (kName + ".idx"), sidecar);
    CHECK(Remove(scratch.path(), now).empty());
  }
  Touch(scratch / (kName + ".idx"), now + 1);
  CHECK(Remove(scratch.path(), now) == Names{log});
  CHECK(NamesIn(scratch.path()) == Names{kName, kName + ".idx"});
}

TEST_CASE(
    "A leftover that is a directory or a symbolic link stays, and so does what it points to") {
  const test::ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / ("." + kName + ".part"));
  Touch(scratch / "precious");
  std::filesystem::create_symlink("precious", scratch / ("." + kName + ".idx.part"));
  REQUIRE(::mkfifo((scratch / ("." + kName + ".idx.2.part")).c_str(), 0600) == 0);
  const auto before = NamesIn(scratch.path());
  CHECK(Remove(scratch.path()).empty());
  CHECK(NamesIn(scratch.path()) == before);
}

TEST_CASE("What a living writer writes is no leftover; once it is let go of, nothing is left") {
  const test::ScratchDirectory scratch;
  const auto tar = test::MakeTar(300'000);
  {
    const auto writer =
        ValueOf(ArchiveWriter::Create(LocalFileSystem(), scratch.path(), kName, {}));
    REQUIRE_OK(test::Push(*writer, tar));
    CHECK(Remove(scratch.path()).empty());
    REQUIRE_OK(writer->Finish());
    REQUIRE_OK(writer->Describe({}));
    CHECK(Remove(scratch.path()).empty());
    CHECK(NamesIn(scratch.path()).size() == 2);
    REQUIRE_OK(writer->Publish());
    CHECK(Remove(scratch.path()).empty());
  }
  CHECK(Remove(scratch.path()).empty());
  CHECK(NamesIn(scratch.path()) == Names{kName, kName + ".idx"});
}

TEST_CASE("A run that cleans up in the middle of a rebuild does not disturb it") {
  const test::ScratchDirectory scratch;
  REQUIRE_OK(test::WriteArchive(LocalFileSystem(), scratch.path(), kName, test::MakeTar(300'000)));
  REQUIRE_OK(LocalFileSystem().Remove(scratch / (kName + ".idx")));
  Names removed;
  const test::WatchedFiles files([&](const std::filesystem::path&, size_t) -> Result<void> {
    removed.merge(Remove(scratch.path(), std::time(nullptr) + 10 * kDay));
    return {};
  });
  REQUIRE_OK(RebuildSidecar(files, scratch / kName, scratch / (kName + ".idx"), {}, {}));
  CHECK(removed.empty());
  CHECK(NamesIn(scratch.path()) == Names{kName, kName + ".idx"});
}

TEST_CASE("What another process writes is no leftover until that process is killed") {
  const test::ScratchDirectory scratch;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto file = LocalFileSystem().Create(scratch / ("." + kName + ".part"));
    if (!file || ::write(ready[1], "r", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(Remove(scratch.path()).empty());
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(Remove(scratch.path()) == Names{"." + kName + ".part"});
}

TEST_CASE("A leftover that cannot be removed does not keep the others") {
  const test::ScratchDirectory scratch;
  const Names all{"." + kName + ".idx.part", "." + kName + ".part"};
  for (const auto& name : all) Touch(scratch / name);
  test::FailingFiles files(LocalFileSystem());
  files.FailAt(2, EACCES);
  const auto removed = ValueOf(RemoveLeftovers(files, scratch.path(), 0));
  REQUIRE(removed.errors.size() == 1);
  CHECK(removed.errors[0].errnum == EACCES);
  CHECK(removed.names == std::vector{*all.rbegin()});
  files.FailAt(1, EIO);
  CHECK(RemoveLeftovers(files, scratch.path(), 0).error().errnum == EIO);
}

}  // namespace orcio

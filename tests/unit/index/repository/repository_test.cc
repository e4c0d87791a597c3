#include "index/repository/repository.h"

#include <sys/stat.h>

#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

void Touch(const std::filesystem::path& path) {
  std::ofstream(path) << "x";
}

Result<ArchiveFile> Resolve(const Repository& repository, std::string_view text) {
  return repository.Resolve(ORCIO_TRY(ParseSelector(text)));
}

}  // namespace

TEST_CASE("A repository lists its archives by service, oldest first, and nothing else") {
  const test::ScratchDirectory scratch;
  for (const char* name :
       {"wiki-2025-11-23T020000Z.tar.gz", "wiki-2025-11-16T020000Z.tar.gz", "db-20221105.tgz",
        "wiki-2025-11-23T020000Z.tar.gz.idx", ".wiki-2025-11-30T020000Z.tar.gz.part", "README"}) {
    Touch(scratch / name);
  }
  std::filesystem::create_directory(scratch / "dir-20221105.tar.gz");
  std::filesystem::create_symlink("nowhere", scratch / "gone-20221105.tar.gz");
  REQUIRE(::mkfifo((scratch / "pipe-20221105.tar.gz").c_str(), 0600) == 0);

  const auto archives = ValueOf(Repository(LocalFileSystem(), scratch.path()).List());
  REQUIRE(archives.size() == 3);
  CHECK(archives[0].name.service == "db");
  CHECK(archives[1].date == "2025-11-16T020000Z");
  CHECK(archives[2].date == "2025-11-23T020000Z");
  CHECK(archives[2].sidecar == scratch / "wiki-2025-11-23T020000Z.tar.gz.idx");
}

TEST_CASE("Archives of one service and date are told apart") {
  const test::ScratchDirectory scratch;
  for (const char* name : {"wiki-20221105.tar", "wiki-20221105.tar.gz", "wiki-2022-11-05.tgz"})
    Touch(scratch / name);
  const auto archives = ValueOf(Repository(LocalFileSystem(), scratch.path()).List());
  REQUIRE(archives.size() == 3);
  CHECK(archives[0].date == "2022-11-05");
  CHECK(archives[1].date == "2022-11-05.2");
  CHECK(archives[2].date == "2022-11-05.3");
}

TEST_CASE("Archives are chosen by date, unique prefix, latest and latest~N") {
  const test::ScratchDirectory scratch;
  for (const char* name : {"wiki-2025-11-16T020000Z.tar.gz", "wiki-2025-11-23T020000Z.tar.gz",
                           "wiki-2024-01-01.tar.gz"}) {
    Touch(scratch / name);
  }
  const Repository repository(LocalFileSystem(), scratch.path());
  CHECK(ValueOf(Resolve(repository, "wiki")).date == "2025-11-23T020000Z");
  CHECK(ValueOf(Resolve(repository, "wiki@latest")).date == "2025-11-23T020000Z");
  CHECK(ValueOf(Resolve(repository, "wiki@latest~2")).date == "2024-01-01");
  CHECK(ValueOf(Resolve(repository, "wiki@2024")).date == "2024-01-01");
  CHECK(ValueOf(Resolve(repository, "wiki@2025-11-16T020000Z")).date == "2025-11-16T020000Z");

  const auto ambiguous = Resolve(repository, "wiki@2025-11");
  REQUIRE_FALSE(ambiguous.has_value());
  CHECK(ambiguous.error().kind == ErrorKind::kInvalid);
  for (const char* absent :
       {"wiki@latest~3", "wiki@2023", "nope", "wiki@latest~x", "wiki@latest~"}) {
    INFO(absent);
    const auto missing = Resolve(repository, absent);
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().kind == ErrorKind::kNotFound);
  }
}

// A clock had been wrong for a night, and `restore wiki` brought the same archive from then on.
TEST_CASE("The latest is none that is dated in the future unless all are") {
  const test::ScratchDirectory scratch;
  for (const char* name : {"wiki-2025-01-01.tar.gz", "wiki-2025-01-02.tar.gz",
                           "wiki-9998-01-01.tar.gz", "wiki-9999-01-01.tar.gz"}) {
    Touch(scratch / name);
  }
  const Repository repository(LocalFileSystem(), scratch.path());
  CHECK(ValueOf(Resolve(repository, "wiki")).date == "2025-01-02");
  CHECK(ValueOf(Resolve(repository, "wiki@latest~1")).date == "2025-01-01");
  CHECK(ValueOf(Resolve(repository, "wiki@latest~2")).date == "9999-01-01");
  CHECK(ValueOf(Resolve(repository, "wiki@9998")).date == "9998-01-01");
  CHECK_FALSE(Resolve(repository, "wiki@latest~4").has_value());
  for (const char* name : {"wiki-2025-01-01.tar.gz", "wiki-2025-01-02.tar.gz"})
    std::filesystem::remove(scratch / name);
  CHECK(ValueOf(Resolve(repository, "wiki")).date == "9999-01-01");
}

TEST_CASE("A selector's path may hold the characters that separate its parts") {
  const Selector selector = ValueOf(ParseSelector("wiki@2026:srv/wiki/a@b:c"));
  CHECK(selector.service == "wiki");
  CHECK(selector.date == "2026");
  CHECK(selector.path == "srv/wiki/a@b:c");
  CHECK(ValueOf(ParseSelector("wiki:/srv")).date == "latest");
  for (const char* bad : {"", ":x", "@latest", "wiki@", "wiki@:x"})
    CHECK_FALSE(ParseSelector(bad).has_value());
}

TEST_CASE("Who names an archive by its path in a mount hears how to write that") {
  const std::vector<std::pair<std::string, std::string>> meant{
      {"wiki/latest/srv/f", "wiki@latest:srv/f"},
      {"wiki@latest/srv/f", "wiki@latest:srv/f"},
      {"wiki/latest~2:srv/f", "wiki@latest~2:srv/f"},
      {"wiki/2025-11-16T020000Z/", "wiki@2025-11-16T020000Z"},
      {"wiki/latest", "wiki@latest"},
      {"wiki/latest-news/f", "wiki:latest-news/f"},
      {"wiki/2fa/secret", "wiki:2fa/secret"},
      {"wiki/srv/f", "wiki:srv/f"},
      {"wiki/", "wiki"},
      {"/backups/wiki/latest/f", "SERVICE[@DATE][:PATH]"}};
  for (const auto& [typed, right] : meant) {
    CAPTURE(typed);
    const auto parsed = ParseSelector(typed);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::kInvalid);
    CHECK(parsed.error().message.ends_with(": write " + right));
  }
}

TEST_CASE("A repository that is not there is not found") {
  const auto listed = Repository(LocalFileSystem(), "/nonexistent/repository").List();
  REQUIRE_FALSE(listed.has_value());
  CHECK(listed.error().kind == ErrorKind::kNotFound);
}

}  // namespace orcio

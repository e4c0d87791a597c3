#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/unique_fd.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/catch.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kName = "wiki-2025-11-23T020000Z.tar.gz";

// What a process that has not been in the mount before reads: one that has finds one archive under
// `latest` for as long as it lives.
std::string ReadAnew(const std::filesystem::path& path) {
  return RunCommand({"cat", path.string()}).out;
}

}  // namespace

TEST_CASE_METHOD(LiveRepository,
                 "Archives come and go while mounted; what is open stays readable") {
  const std::string content = Noise(2'000'000, 1);
  Write("file", content);
  const auto first = Archive("wiki-2025-11-16T020000Z.tar.gz");
  const MountFixture mount(directory(), {"cache_size=1M"});
  CHECK(std::filesystem::read_symlink(mount / "wiki/latest") == "2025-11-16T020000Z");
  const UniqueFd file(
      ::open((mount / "wiki/2025-11-16T020000Z/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  Write("file", "newer");
  Archive(kName);
  Archive("other-20221105.tar.gz");
  CHECK(Eventually([&] { return ReadAnew(mount / "wiki/latest/file") == "newer"; }));
  CHECK(Eventually([&] { return ReadAnew(mount / "other/latest/file") == "newer"; }));
  std::filesystem::remove(first);
  CHECK(Eventually([&] { return !std::filesystem::exists(mount / "wiki/2025-11-16T020000Z"); }));
  CHECK(PieceAt(file.get(), 1'500'000, 1000) == content.substr(1'500'000, 1000));
}

TEST_CASE_METHOD(LiveRepository, "An archive replaced under its name shows its new content") {
  Write("file", "old content");
  const auto archive = Archive(kName);
  const MountFixture mount(directory());
  CHECK(ReadAll(mount / "wiki/latest/file") == "old content");
  std::filesystem::remove(archive);
  std::filesystem::remove(archive.string() + ".idx");
  Write("file", "new");
  Write("another", "file");
  Archive(kName);
  CHECK(Eventually([&] { return ReadAnew(mount / "wiki/latest/file") == "new"; }));
  CHECK(Eventually([&] { return ReadAnew(mount / "wiki/latest/another") == "file"; }));
}

TEST_CASE_METHOD(LiveRepository, "Whoever is inside an archive that is replaced sees the new one") {
  Write("file", "old content");
  const auto archive = Archive(kName);
  const MountFixture mount(directory());
  // What the kernel knows of the inside of an archive it may keep for ever, names that are not
  // there too, and nobody who stands inside looks the archive itself up again: only the server can
  // tell.
  const UniqueFd inside(::open((mount / "wiki/latest").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(inside.valid());
  struct stat status {};
  REQUIRE(::fstatat(inside.get(), "file", &status, 0) == 0);
  CHECK(status.st_size == 11);
  REQUIRE(::fstatat(inside.get(), "another", &status, 0) != 0);
  Write("file", "new");
  Write("another", "x");
  const auto fresh = Archive("other-20221105.tar.gz");
  std::filesystem::rename(fresh.string() + ".idx", archive.string() + ".idx");
  std::filesystem::rename(fresh, archive);
  CHECK(Eventually([&] { return ::fstatat(inside.get(), "another", &status, 0) == 0; }));
  CHECK(Eventually(
      [&] { return ::fstatat(inside.get(), "file", &status, 0) == 0 && status.st_size == 3; }));
}

TEST_CASE_METHOD(LiveRepository, "A listing that the kernel has kept is dropped when it changes") {
  Archive("wiki-2025-11-16T020000Z.tar.gz");
  Archive("wiki-2025-11-17T020000Z.tar.gz");
  Archive(kName);
  const MountFixture mount(directory());
  const auto names = [&](const char* path) {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(mount / path))
      found.insert(entry.path().filename());
    return found;
  };
  for (int i = 0; i < 3; ++i) CHECK(names("wiki").size() == 4);
  for (int i = 0; i < 3; ++i) CHECK(names("") == std::set<std::string>{"wiki"});
  // Of these neither is the newest.
  std::filesystem::remove(directory() / "wiki-2025-11-16T020000Z.tar.gz");
  CHECK(Eventually([&] { return names("wiki").size() == 3; }));
  Archive("wiki-2025-11-18T020000Z.tar.gz");
  CHECK(Eventually([&] { return names("wiki").contains("2025-11-18T020000Z"); }));
  Archive("other-20221105.tar.gz");
  CHECK(Eventually([&] { return names("").contains("other"); }));
}

TEST_CASE_METHOD(LiveRepository, "What is open in a removed archive is read to its end") {
  const std::string content = Noise(3'000'000, 1);
  Write("file", content);
  const auto archive = Archive(kName);
  const MountFixture mount(directory(), {"cache_size=1M"});
  const UniqueFd file(::open((mount / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  CHECK(PieceAt(file.get(), 0, 1000) == content.substr(0, 1000));
  std::filesystem::remove(archive);
  std::filesystem::remove(archive.string() + ".idx");
  REQUIRE(Eventually([&] { return !std::filesystem::exists(mount / "wiki"); }));
  // The kernel has heard of it, too, and given up what it knew.
  REQUIRE(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED) == 0);
  CHECK((PieceAt(file.get(), 0, content.size()) == content));
}

TEST_CASE_METHOD(LiveRepository, "An archive is not there before it is whole") {
  Write("file", "content");
  const auto archive = Archive(kName);
  const std::string whole = ReadAll(archive);
  const MountFixture mount(directory());
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(mount / "wiki"))
      found.insert(entry.path().filename());
    return found;
  };
  const std::set<std::string> before{"2025-11-23T020000Z", "latest"};
  const auto part = directory() / ".wiki-2025-11-24T020000Z.tar.gz.part";
  std::ofstream writing(part, std::ios::binary);
  for (size_t at = 0; at < whole.size(); at += 100) {
    writing << whole.substr(at, 100) << std::flush;
    CHECK(names() == before);
  }
  writing.close();
  CHECK(names() == before);
  std::filesystem::copy(archive.string() + ".idx",
                        directory() / "wiki-2025-11-24T020000Z.tar.gz.idx");
  CHECK(names() == before);
  CHECK_FALSE(std::filesystem::exists(mount / "wiki/2025-11-24T020000Z"));
  std::filesystem::rename(part, directory() / "wiki-2025-11-24T020000Z.tar.gz");
  CHECK(Eventually([&] {
    return MustRun({"readlink", (mount / "wiki/latest").string()}) == "2025-11-24T020000Z\n";
  }));
  CHECK(ReadAll(mount / "wiki/latest/file") == "content");
}

}  // namespace orcio

// A repository on a file system that can neither rename without replacing nor link: a real mount,
// by tests/support/files/poor_file_system.cc.

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <thread>

#include "fusefs/system/mount_table.h"
#include "index/files/file_system.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

void WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}
std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Mounted on a directory for as long as this lives.
class PoorFileSystem {
 public:
  PoorFileSystem(const fs::path& at, const Words& lacking)
      : server_(Command(scratch_ / "source", at, lacking), scratch_ / "log") {
    const auto mounted = [&] {
      const auto type = MountedType(at);
      return type && *type == "fuse.poor";
    };
    const bool answers = Eventually([&] { return mounted() || !server_.running(); }) && mounted();
    INFO(ReadFile(scratch_ / "log"));
    REQUIRE(answers);
  }

 private:
  static Words Command(const fs::path& source, const fs::path& at, const Words& lacking) {
    NeedRoot();
    NeedFuse();
    fs::create_directory(source);
    Words words{std::string(BinaryDirectory()) + "/tests/poor_file_system", source, at};
    words.insert(words.end(), lacking.begin(), lacking.end());
    return words;
  }

  ScratchDirectory scratch_;
  BackgroundCommand server_;
};

// A service of commands, which runs as long as a file is there, and its repository on such a file
// system. `stop_lines` come before it stops.
class Setup {
 public:
  explicit Setup(const Words& lacking, const std::string& stop_lines = {})
      : orcio_(BuiltProgram()), disk_(orcio_.repository(), lacking) {
    fs::create_directory(volume());
    WriteFile(volume() / "file", "content");
    WriteFile(flag(), "");
    WriteFile(stop(), "#!/bin/sh\n" + stop_lines + "rm " + flag().string() + "\n");
    fs::permissions(stop(), fs::perms::owner_all);
    orcio_.Configure(
        "  wiki:\n    host: workshop\n    control: commands\n    guard: none\n"
        "    stop: " +
        stop().string() + "\n    start: touch " + flag().string() + "\n    status: test -e " +
        flag().string() + "\n    paths: [" + volume().string() + "]\n");
  }

  [[nodiscard]] const OrcioFixture& orcio() const { return orcio_; }
  [[nodiscard]] Words Archive() const {
    return {orcio_.program(), "-c", orcio_.config(), "archive"};
  }
  [[nodiscard]] fs::path At(const std::string& name) const { return orcio_.scratch() / name; }
  [[nodiscard]] fs::path flag() const { return At("runs"); }

  // There is one archive, whole, and nothing else.
  void CheckOneArchive() const {
    const std::string name = orcio_.OnlyArchive().filename();
    CHECK(orcio_.RepositoryNames() == Words{name, name + ".idx"});
    const Ended verified = orcio_.Run({"verify", "--read-data"});
    INFO(verified.err);
    CHECK(verified.status == 0);
    CHECK(fs::exists(flag()));
  }

 private:
  [[nodiscard]] fs::path volume() const { return At("volume"); }
  [[nodiscard]] fs::path stop() const { return At("stop"); }

  OrcioFixture orcio_;
  PoorFileSystem disk_;
};

}  // namespace

TEST_CASE("What the mount lacks is lacking") {
  const Setup setup({"link"});
  const fs::path from = setup.orcio().repository() / "from", to = setup.orcio().repository() / "to";
  WriteFile(from, "content");
  CHECK(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == -1);
  CHECK(errno == EINVAL);
  CHECK(::link(from.c_str(), to.c_str()) == -1);
  CHECK(errno == EPERM);
  CHECK(setup.orcio().RepositoryNames() == Words{"from"});
}

TEST_CASE("An archive gets its name where nothing is renamed without replacing") {
  const Setup setup(GENERATE(Words(), Words{"link"}));
  const Ended ended = setup.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  setup.CheckOneArchive();
}

TEST_CASE("A name that was taken while the service was stopped is not replaced") {
  // By what its part is called.
  const Setup setup(GENERATE(Words(), Words{"link"}),
                    "cd \"$(dirname \"$0\")/repository\" || exit\n"
                    "for part in .wiki-*.tar.gz.part; do\n"
                    "  name=${part#.}\n"
                    "  echo mine >\"${name%.part}\"\n"
                    "done\n");
  const Ended ended = setup.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 1);
  const auto taken = setup.orcio().OnlyArchive();
  CHECK(ReadFile(taken) == "mine\n");
  CHECK(ended.err.find(taken.string()) != std::string::npos);
  CHECK(ended.err.find("File exists") != std::string::npos);
  CHECK(setup.orcio().RepositoryNames() == Words{taken.filename()});
  CHECK(fs::exists(setup.flag()));
}

TEST_CASE("Of two runs at once one is told of the other, and one archive is made") {
  const Setup setup({"link"},
                    "cd \"$(dirname \"$0\")\" || exit\n"
                    "touch stopping\n"
                    "while ! [ -e go ]; do sleep 0.02; done\n");
  BackgroundCommand first(setup.Archive(), setup.At("first"));
  const bool stopping =
      Eventually([&] { return fs::exists(setup.At("stopping")) || !first.running(); });
  const Ended second = setup.orcio().Run({"archive"});
  WriteFile(setup.At("go"), "");
  const int status = first.Wait();
  INFO(ReadFile(setup.At("first")) + second.err);
  CHECK(stopping);
  CHECK(second.status == 11);
  CHECK(status == 0);
  setup.CheckOneArchive();
}

// The lock of a repository is the machine's alone: two machines may have the same one mounted.
TEST_CASE("Of two files that get the same name at once one does at most and is not replaced") {
  const Setup setup({"link"});
  const FileSystem& files = LocalFileSystem();
  const fs::path repository = setup.orcio().repository();
  const std::array<std::string, 2> names{"a", "b"};
  int named = 0;
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    const fs::path to = repository / ("to" + std::to_string(round));
    std::array<bool, 2> won{};
    for (const auto& name : names) WriteFile(repository / name, name);
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < names.size(); ++i) {
        threads.emplace_back(
            [&, i] { won.at(i) = files.RenameNew(repository / names.at(i), to).has_value(); });
      }
    }
    CHECK_FALSE((won[0] && won[1]));
    named += won[0] || won[1] ? 1 : 0;
    for (size_t i = 0; i < names.size(); ++i) {
      if (won.at(i)) CHECK(ReadFile(to) == names.at(i));
      CHECK(fs::exists(repository / names.at(i)) != won.at(i));
    }
  }
  CHECK(named > 0);
}

TEST_CASE("A repository in which no archive could get a name is refused before the stop") {
  Words lacking;
  std::string words;
  SECTION("for want of any rename") {
    lacking = {"link", "rename"};
    words = "an archive could not be given its name there";
  }
  SECTION("for want of locks") {
    lacking = {"link", "locks"};
    words = "cannot lock";
  }
  const Setup setup(lacking, "touch \"$(dirname \"$0\")/stopping\"\n");
  const Ended ended = setup.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 1);
  CHECK(ended.err.find(words) != std::string::npos);
  CHECK(ended.err.find(setup.orcio().repository().string()) != std::string::npos);
  CHECK_FALSE(fs::exists(setup.At("stopping")));
  CHECK(setup.orcio().RepositoryNames().empty());
}

}  // namespace orcio::test

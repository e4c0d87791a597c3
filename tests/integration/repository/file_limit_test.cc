// A limit to the size of files (RLIMIT_FSIZE, `ulimit -f`): met in the middle of a run it is an
// error like a full disk, and if it can be foreseen, nothing is stopped.

#include <signal.h>

#include <fstream>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/noise.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMiB = 1 << 20;

// A service of commands, which runs as long as a file is there, and whose archive takes 3 MiB.
class Setup {
 public:
  Setup() : orcio_(BuiltProgram()) {
    fs::create_directory(At("volume"));
    std::ofstream(At("volume") / "file", std::ios::binary) << Noise(3 * kMiB, 1);
    std::ofstream(At("runs")).flush();
    const std::string runs = At("runs").string();
    orcio_.Configure(
        "  wiki:\n    host: workshop\n    control: commands\n    guard: none\n    stop: rm " +
        runs + " && echo x >>" + At("stops").string() + "\n    start: touch " + runs +
        "\n    status: test -e " + runs + "\n    paths: [" + At("volume").string() +
        "]\n    hooks:\n      start: grep SigIgn /proc/self/status >" + At("ignored").string() +
        "\n");
  }
  [[nodiscard]] const OrcioFixture& orcio() const { return orcio_; }
  [[nodiscard]] fs::path At(const std::string& name) const { return orcio_.scratch() / name; }
  [[nodiscard]] Ended ArchiveWithin(size_t bytes) const {
    return RunCommand({"prlimit", "--core=0", "--fsize=" + std::to_string(bytes), orcio_.program(),
                       "-c", orcio_.config(), "archive"});
  }

 private:
  OrcioFixture orcio_;
};

}  // namespace

TEST_CASE("A run that may not write so large a file fails, and its service runs again") {
  const Setup setup;
  const Ended ended = setup.ArchiveWithin(kMiB);
  INFO(ended.err);
  CHECK(ended.status == 1);  // and no signal
  CHECK(ended.err.find("File too large") != std::string::npos);
  CHECK(ended.err.find("ulimit -f") != std::string::npos);
  CHECK(fs::exists(setup.At("stops")));
  CHECK(fs::exists(setup.At("runs")));
  CHECK(setup.orcio().RepositoryNames().empty());
}

TEST_CASE("Nothing is stopped where the last archive was larger than a file may be") {
  const Setup setup;
  REQUIRE(setup.orcio().Run({"archive"}).status == 0);
  const fs::path archive = setup.orcio().OnlyArchive();
  REQUIRE(fs::remove(setup.At("stops")));
  const Ended ended = setup.ArchiveWithin(kMiB);
  INFO(ended.err);
  CHECK(ended.status == 1);
  for (const std::string& word :
       {std::string("1.0 MiB"), std::string("`ulimit -f`"),
        "), and the last archive of wiki (" + archive.filename().string() + ") took ",
        std::string("the service was not stopped")}) {
    INFO(word);
    CHECK(ended.err.find(word) != std::string::npos);
  }
  CHECK_FALSE(fs::exists(setup.At("stops")));
  CHECK(setup.orcio().OnlyArchive() == archive);
  CHECK(setup.ArchiveWithin(8 * kMiB).status == 0);
}

TEST_CASE("What orcio starts does not ignore the signal of that limit") {
  const Setup setup;
  CHECK(setup.orcio().Run({"archive"}).status == 0);
  std::ifstream in(setup.At("ignored"));
  std::string name;
  uint64_t ignored = ~uint64_t{0};
  in >> name >> std::hex >> ignored;
  CHECK(name == "SigIgn:");
  CHECK((ignored >> (SIGXFSZ - 1)) % 2 == 0);
}

}  // namespace orcio::test

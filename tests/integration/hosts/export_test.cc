// orcio export over a real sshd, to directories and to commands: whole under the final name, or not
// there at all.

#include <signal.h>

#include <fstream>
#include <random>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNoiseBytes = size_t{3} << 20;

std::vector<std::string> Names(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// One archive of one service, and a directory to export it to.
class Shelf {
 public:
  Shelf() : orcio(BuiltProgram(), "SetEnv PATH=" + Bin() + ":/usr/sbin:/usr/bin:/sbin:/bin\n") {
    fs::create_directory(source());
    fs::create_directory(to());
    std::ofstream out(source() / "noise", std::ios::binary);
    std::mt19937 random(1);
    for (size_t i = 0; i < kNoiseBytes / 4; ++i) {
      const auto word = random();
      out.write(reinterpret_cast<const char*>(&word), 4);
    }
    out.close();
    Configure();
    const Ended archived = orcio.Run({"archive"});
    INFO(archived.err);
    REQUIRE(archived.status == 0);
    archive = orcio.OnlyArchive();
  }

  void Configure(const std::string& more = {}) const {
    orcio.Configure("  wiki:\n    host: workshop\n    control: none\n    paths: [" +
                    source().string() + "]\n" + more);
  }
  // A program that the host finds before its own.
  void OnHost(const std::string& program, const std::string& script) const {
    WriteProgram(Bin() + "/" + program, script);
  }
  void Damage() const {
    std::fstream file(archive, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(fs::file_size(archive) / 2));
    file.put('x').put('y').put('z').put('x');
  }

  [[nodiscard]] fs::path source() const { return orcio.scratch() / "wiki"; }
  [[nodiscard]] fs::path to() const { return orcio.scratch() / "to"; }
  [[nodiscard]] std::string on_host() const { return "workshop:" + to().string(); }
  [[nodiscard]] std::string name() const { return archive.filename().string(); }

 private:
  [[nodiscard]] std::string Bin() const { return bin_.path().string(); }
  ScratchDirectory bin_;

 public:
  OrcioFixture orcio;
  fs::path archive;
};

}  // namespace

TEST_CASE("An archive is copied to a directory and to a host, with its index") {
  Shelf shelf;
  const bool far = GENERATE(false, true);
  CAPTURE(far);
  const std::string to = far ? shelf.on_host() : shelf.to().string();
  const Ended exported = shelf.orcio.Run({"export", "wiki", to, "--with-sidecar", "--json"});
  INFO(exported.err);
  REQUIRE(exported.status == 0);
  CHECK(exported.err.empty());
  CHECK(exported.out.find("\"type\":\"export\"") != std::string::npos);
  const std::string sum = MustRun({"sha256sum", shelf.archive});
  CHECK(exported.out.find("\"sha256\":\"" + sum.substr(0, 64) + "\"") != std::string::npos);
  CHECK(Names(shelf.to()) == std::vector<std::string>{shelf.name(), shelf.name() + ".idx"});
  CHECK(ReadAll(shelf.to() / shelf.name()) == ReadAll(shelf.archive));
  CHECK(ReadAll(shelf.to() / (shelf.name() + ".idx")) == ReadAll(shelf.archive.string() + ".idx"));
  CHECK(fs::status(shelf.to() / shelf.name()).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  const Ended listed = shelf.orcio.Run({"-r", shelf.to().string(), "verify", "--read-data"});
  INFO(listed.err);
  CHECK(listed.status == 0);
}

TEST_CASE("What is there already is not written over") {
  Shelf shelf;
  const bool far = GENERATE(false, true);
  const bool index_alone = GENERATE(false, true);
  CAPTURE(far, index_alone);
  const fs::path there = shelf.to() / (shelf.name() + (index_alone ? ".idx" : ""));
  std::ofstream(there) << "somebody's";
  const Ended exported = shelf.orcio.Run(
      {"export", "wiki", far ? shelf.on_host() : shelf.to().string(), "--with-sidecar"});
  CHECK(exported.status == 1);
  CHECK(exported.err.find(there.filename().string() + " exists already") != std::string::npos);
  CHECK(ReadAll(there) == "somebody's");
  CHECK(Names(shelf.to()) == std::vector<std::string>{there.filename().string()});
}

TEST_CASE("A command gets the archive on its standard input") {
  Shelf shelf;
  const std::string file = (shelf.to() / "copy").string();
  const Ended exported = shelf.orcio.Run(
      {"export", shelf.archive, "--to-command",
       "cat >" + file + "; echo \"$ORCIO_SERVICE $ORCIO_ARCHIVE $ORCIO_BYTES\" >" + file + ".txt"});
  INFO(exported.err);
  REQUIRE(exported.status == 0);
  CHECK(ReadAll(file) == ReadAll(shelf.archive));
  CHECK(ReadAll(file + ".txt") ==
        "wiki " + shelf.name() + " " + std::to_string(fs::file_size(shelf.archive)) + "\n");
}

TEST_CASE("A command that fails, or does not read on, fails the export") {
  Shelf shelf;
  const Ended failed =
      shelf.orcio.Run({"export", "wiki", "--to-command", "cat >/dev/null; exit 7"});
  CHECK(failed.status == 1);
  CHECK(failed.err.find("exited with 7") != std::string::npos);
  const Ended deaf = shelf.orcio.Run({"export", "wiki", "--to-command", "head -c 1 >/dev/null"});
  CHECK(deaf.status == 1);
  CHECK(deaf.err.find("did not read all") != std::string::npos);
}

TEST_CASE("One destination, and one that can take what shall go, is needed") {
  Shelf shelf;
  CHECK(shelf.orcio.Run({"export", "wiki"}).status == 2);
  CHECK(shelf.orcio.Run({"export", "wiki", shelf.to(), "--to-command", "cat"}).status == 2);
  CHECK(shelf.orcio.Run({"export", "wiki", "--with-sidecar", "--to-command", "cat"}).status == 2);
  CHECK(shelf.orcio.Run({"export", "wiki", "workshop:relative"}).status == 2);
  CHECK(shelf.orcio.Run({"export", "wiki", "nowhere:/srv"}).status == 10);
  CHECK(shelf.orcio.Run({"export", "wiki", shelf.to() / "missing"}).status == 10);
  CHECK(shelf.orcio.Run({"export", "wiki", shelf.on_host() + "/missing"}).status == 10);
  CHECK(shelf.orcio.Run({"export", "wikki", shelf.to()}).status == 10);
  CHECK(Names(shelf.to()).empty());
}

TEST_CASE("An archive that must not leave the premises stays, by whatever name") {
  Shelf shelf;
  shelf.Configure("    offsite: never\n");
  const fs::path renamed = shelf.orcio.scratch() / "harmless-2026-01-01.tar.gz";
  const fs::path link = shelf.orcio.scratch() / "link-2026-01-01.tar.gz";
  fs::copy_file(shelf.archive, renamed);
  fs::copy_file(shelf.archive.string() + ".idx", renamed.string() + ".idx");
  fs::create_symlink(shelf.archive, link);
  const std::string copy = (shelf.to() / "copy").string();
  for (const std::string& archive :
       {std::string("wiki"), shelf.archive.string(), renamed.string(), link.string()}) {
    for (const auto& to : std::vector<std::vector<std::string>>{
             {shelf.to()}, {shelf.on_host()}, {"--to-command", "cat >" + copy}}) {
      CAPTURE(archive, to);
      std::vector<std::string> words{"export", archive};
      words.insert(words.end(), to.begin(), to.end());
      const Ended exported = shelf.orcio.Run(words);
      CHECK(exported.status == 1);
      CHECK(exported.err.find("wiki has `offsite: never`") != std::string::npos);
    }
  }
  CHECK(Names(shelf.to()).empty());
}

TEST_CASE("A damaged archive is not handed on") {
  Shelf shelf;
  shelf.Damage();
  for (const std::string& to : {shelf.to().string(), shelf.on_host()}) {
    CAPTURE(to);
    const Ended exported = shelf.orcio.Run({"export", "wiki", to});
    CHECK(exported.status == 4);
    REQUIRE(Eventually([&] { return Names(shelf.to()).empty(); }));
  }
  const std::string copy = (shelf.to() / "copy").string();
  const Ended exported = shelf.orcio.Run(
      {"export", "wiki", "--to-command", "cat >" + copy + ".part && mv " + copy + ".part " + copy});
  CHECK(exported.status == 4);
  CHECK_FALSE(fs::exists(copy));
}

TEST_CASE("What the host did not store as it was sent is not given its name") {
  Shelf shelf;
  shelf.OnHost("sha256sum", "/usr/bin/sha256sum | tr 0-9 1-90\n");
  const Ended exported = shelf.orcio.Run({"export", "wiki", shelf.on_host(), "--with-sidecar"});
  CHECK(exported.status == 4);
  CHECK(exported.err.find("is not what was sent") != std::string::npos);
  CHECK(Names(shelf.to()).empty());
}

TEST_CASE("Where the host has no sha256sum, what was written is read back") {
  Shelf shelf;
  shelf.OnHost("sha256sum", "exit 127\n");
  CHECK(shelf.orcio.Run({"export", "wiki", shelf.on_host()}).status == 0);
  CHECK(ReadAll(shelf.to() / shelf.name()) == ReadAll(shelf.archive));
  fs::remove(shelf.to() / shelf.name());
  shelf.OnHost("cat", "[ $# -eq 0 ] || { shift; head -c 1000000 \"$1\"; exit; }\nexec /bin/cat\n");
  CHECK(shelf.orcio.Run({"export", "wiki", shelf.on_host()}).status == 4);
  CHECK(Names(shelf.to()).empty());
}

TEST_CASE("An export that is interrupted, or killed, leaves nothing on the host") {
  Shelf shelf;
  const int signal = GENERATE(SIGTERM, SIGKILL);
  CAPTURE(signal);
  const fs::path begun = shelf.orcio.scratch() / "begun";
  const fs::path told = shelf.orcio.scratch() / "told";
  // The first one looks whether what is sent arrives at all.
  const fs::path looked = shelf.orcio.scratch() / "looked";
  shelf.OnHost("cat", "[ -e " + looked.string() + " ] || { : >" + looked.string() +
                          "; exec /bin/cat; }\nhead -c 100000\n: >" + begun.string() +
                          "\nwhile [ ! -e " + told.string() +
                          " ]; do sleep 0.05; done\nexec /bin/cat\n");
  BackgroundCommand export_command(
      {shelf.orcio.program(), "-c", shelf.orcio.config(), "export", "wiki", shelf.on_host()},
      shelf.orcio.scratch() / "log");
  REQUIRE(Eventually([&] { return fs::exists(begun); }));
  CHECK(Names(shelf.to()).size() == 1);
  ::kill(export_command.pid(), signal);
  std::ofstream(told).flush();
  CHECK(export_command.Wait() == (signal == SIGTERM ? 143 : 137));
  REQUIRE(Eventually([&] { return Names(shelf.to()).empty(); }));
}

TEST_CASE("A killed export to a directory leaves no archive, and the next one cleans up") {
  Shelf shelf;
  std::ofstream(shelf.to() / ("." + shelf.name() + ".part")) << "half";
  REQUIRE(shelf.orcio.Run({"export", "wiki", shelf.to()}).status == 0);
  CHECK(Names(shelf.to()) == std::vector<std::string>{shelf.name()});
}

}  // namespace orcio::test

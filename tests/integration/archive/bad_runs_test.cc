// Everything an administrator gets wrong, and what breaks by itself: each with a message that says
// what to do, the right exit code, and nothing left half-made.

#include <sys/mount.h>

#include <fstream>

#include "index/files/file_system.h"
#include "index/repository/repository_lock.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

std::string Service(const std::string& lines) {
  return "  wiki:\n    host: workshop\n" + lines;
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

// A volume with a file in it, and a configuration that archives it.
class Setup {
 public:
  explicit Setup(const std::string& sshd_config = {})
      : orcio(BuiltProgram(), sshd_config), volume(orcio.scratch() / "volume") {
    std::filesystem::create_directory(volume);
    WriteFile(volume / "file", "content");
    orcio.Configure(Service(none()));
  }
  [[nodiscard]] std::string paths() const { return "    paths: ['" + volume.string() + "']\n"; }
  [[nodiscard]] std::string none() const { return "    control: none\n" + paths(); }

  // The run fails with `status`, says each of `words`, and leaves nothing in the repository.
  void Fails(int status, const std::vector<std::string>& words,
             const std::vector<std::string>& command = {"archive"}) const {
    const Ended ended = orcio.Run(command);
    INFO(ended.err);
    CHECK(ended.status == status);
    for (const std::string& word : words) {
      INFO(word);
      CHECK(ended.err.find(word) != std::string::npos);
    }
    CHECK(orcio.RepositoryNames().empty());
  }

  OrcioFixture orcio;
  std::filesystem::path volume;
};

// A directory for PATH with these programs only, and an sshd that gives it to its sessions.
class Toolbox {
 public:
  explicit Toolbox(const std::vector<std::string>& programs) {
    for (const std::string& program : programs) {
      const std::string found = MustRunShell("command -v " + program);
      std::filesystem::create_symlink(found.substr(0, found.size() - 1), directory_ / program);
    }
  }
  [[nodiscard]] std::string SshdConfig() const {
    return "SetEnv PATH=" + directory_.path().string() + "\n";
  }

 private:
  ScratchDirectory directory_;
};

}  // namespace

TEST_CASE("A configuration that is wrong or missing is exit 2, with the place") {
  const Setup setup;
  WriteFile(setup.orcio.config(), "repository: /tmp\nservises: {}\n");
  setup.Fails(2, {"config.yaml:2:1", "servises"});
  WriteFile(setup.orcio.config(), "repository: [1]\n");
  setup.Fails(2, {"config.yaml:1:"});
  std::filesystem::remove(setup.orcio.config());
  setup.Fails(2, {"no configuration at", "-c FILE"});
}

TEST_CASE("Wrong usage is exit 2") {
  const Setup setup;
  CHECK(setup.orcio.Run({}).status == 2);
  setup.Fails(2, {"no command pruen", "did you mean `prune`?"}, {"pruen"});
  CHECK(setup.orcio.Run({"archive", "--no-such-option"}).status == 2);
  CHECK(setup.orcio.Run({"--help"}).status == 0);
  CHECK(setup.orcio.Run({"archive", "--help"}).status == 0);
  CHECK(setup.orcio.Run({"--version"}).status == 0);
}

TEST_CASE("A service that the configuration does not have is exit 10") {
  const Setup setup;
  setup.Fails(10, {"no service nope", "wiki"}, {"archive", "nope"});
  setup.Fails(10, {"no service wiky", "did you mean `wiki`?"}, {"archive", "wiky"});
}

TEST_CASE("An unknown host key is refused") {
  Setup setup;
  setup.orcio.sshd().WriteKnownHosts({});
  setup.Fails(12, {"workshop", "ssh-keyscan"});
}

TEST_CASE("A changed host key is refused") {
  Setup setup;
  setup.orcio.sshd().ChangeHostKeys();
  setup.Fails(12, {"workshop"});
}

TEST_CASE("A key that the host does not know is refused, and named") {
  const Setup setup;
  const auto key = setup.orcio.scratch() / "stranger";
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.string()});
  std::string config = MustRun({"cat", setup.orcio.config().string()});
  const size_t at = config.find("identity: ");
  config.replace(at, config.find('\n', at) - at, "identity: " + key.string());
  WriteFile(setup.orcio.config(), config);
  setup.Fails(12, {"workshop", "authorized_keys"});
}

TEST_CASE("A host that is away is exit 12") {
  Setup setup;
  setup.orcio.sshd().Stop();
  setup.Fails(12, {"workshop"});
}

TEST_CASE("A host without docker is said to have none") {
  const Toolbox toolbox({"sh", "bash", "tar", "cat", "head", "sed", "test", "ls", "printf"});
  const Setup setup(toolbox.SshdConfig());
  setup.orcio.Configure(Service(setup.paths()));
  setup.Fails(1, {"workshop", "docker"});
}

TEST_CASE("A host without tar is said to have none") {
  const Toolbox toolbox({"sh", "bash", "cat", "head", "sed", "test", "ls", "printf"});
  const Setup setup(toolbox.SshdConfig());
  setup.Fails(1, {"workshop", "tar"});
}

TEST_CASE("A path that the host does not have is named") {
  const Setup setup;
  setup.orcio.Configure(Service("    control: none\n    paths: [/no/such/volume]\n"));
  setup.Fails(1, {"/no/such/volume"});
}

TEST_CASE("A repository that is missing or cannot be written is named") {
  NeedRoot();
  const Setup setup;
  REQUIRE(::mount("none", setup.orcio.repository().c_str(), "tmpfs", MS_RDONLY, nullptr) == 0);
  setup.Fails(1, {setup.orcio.repository().string(), "Read-only"});
  REQUIRE(::umount(setup.orcio.repository().c_str()) == 0);
  const Ended ended = setup.orcio.Run({"-r", "/no/such/repository", "archive"});
  CHECK(ended.status == 10);
  CHECK(ended.err.find("/no/such/repository") != std::string::npos);
}

TEST_CASE("A second run is exit 11") {
  const Setup setup;
  const auto lock = ValueOf(RepositoryLock::Take(setup.orcio.repository()));
  setup.Fails(11, {"another run", setup.orcio.repository().string()});
}

TEST_CASE("A repository's full disk fails the run and leaves nothing") {
  NeedRoot();
  const Setup setup;
  MustRun({"dd", "if=/dev/urandom", "of=" + (setup.volume / "random").string(), "bs=1M", "count=16",
           "status=none"});
  REQUIRE(::mount("none", setup.orcio.repository().c_str(), "tmpfs", 0, "size=4m") == 0);
  setup.Fails(1, {"No space left"});
  REQUIRE(::umount(setup.orcio.repository().c_str()) == 0);
}

// Of a disk below the path, most of what there is was archived the night before.
TEST_CASE("A disk below a path that is not mounted is a warning, by a real mount") {
  NeedRoot();
  const Setup setup;
  const std::string disk = (setup.volume / "disk").string();
  std::filesystem::create_directory(disk);
  std::filesystem::create_directory(setup.orcio.scratch() / "other");
  WriteFile(setup.orcio.scratch() / "other/rows", "text");
  REQUIRE(::mount((setup.orcio.scratch() / "other").c_str(), disk.c_str(), nullptr, MS_BIND,
                  nullptr) == 0);
  const Ended good = setup.orcio.Run({"archive"});
  REQUIRE(::umount(disk.c_str()) == 0);
  INFO(good.err);
  REQUIRE(good.status == 0);
  const Ended bad = setup.orcio.Run({"archive"});
  INFO(bad.err);
  CHECK(bad.status == 3);
  CHECK(bad.err.find("nothing is mounted on " + disk) != std::string::npos);
  CHECK(setup.orcio.Run({"list"}).out.find("complete, shrunk") != std::string::npos);
}

// As named's init script does with its chroot, and mysqld with its socket.
TEST_CASE("A bind mount of what is archived and a socket may go when their service stops") {
  NeedRoot();
  const Setup setup;
  const std::string jail = (setup.volume / "chroot/data").string();
  const auto sockets = setup.orcio.scratch() / "sockets";
  std::filesystem::create_directories(jail);
  std::filesystem::create_directory(setup.volume / "data");
  std::filesystem::create_directory(sockets);
  WriteFile(setup.volume / "data/zone", "text");
  const std::string socket = (sockets / "socket").string();
  const std::string mount =
      "mount --bind '" + (setup.volume / "data").string() + "' '" + jail + "'";
  MustRunShell(mount + " && touch '" + socket + "'");
  setup.orcio.Configure(Service("    control: commands\n    mode: stop\n    paths: ['" +
                                setup.volume.string() + "', '" + sockets.string() +
                                "']\n    stop: \"umount '" + jail + "' && rm '" + socket +
                                "'\"\n    start: \"" + mount + " && touch '" + socket +
                                "'\"\n    status: \"test -e '" + socket + "'\"\n"));
  for (int night = 0; night < 2; ++night) {
    const Ended ended = setup.orcio.Run({"archive"});
    INFO(ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
  }
  CHECK(::umount(jail.c_str()) == 0);
}

TEST_CASE("What a killed run left is removed by the next run, but for what is still written") {
  const Setup setup;
  const auto at = [&](const std::string& name) { return setup.orcio.repository() / name; };
  const std::string old = ".wiki-2026-11-16T020000Z.tar.gz.part";
  const std::string living = ".wiki-2026-11-17T020000Z.tar.gz.part";
  WriteFile(at(old), "half");
  WriteFile(at("notes.part"), "mine");
  const auto writer = ValueOf(LocalFileSystem().Create(at(living)));
  const Ended ended = setup.orcio.Run({"-v", "archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.out.find("left: " + old) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(at(old)));
  CHECK(std::filesystem::exists(at(living)));
  CHECK(std::filesystem::exists(at("notes.part")));
}

TEST_CASE("All that a run makes in the repository is its owner's alone, whatever the umask") {
  for (const std::string umask : {"000", "027", "077"}) {
    CAPTURE(umask);
    const Setup setup;
    const Ended ended = RunShell("umask " + umask + "; exec " + setup.orcio.program() + " -c " +
                                 setup.orcio.config().string() + " archive");
    INFO(ended.err);
    CHECK(ended.status == 0);
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(setup.orcio.repository())) {
      CAPTURE(entry.path().filename().string());
      CHECK(entry.status().permissions() == std::filesystem::perms(0600));
      ++files;
    }
    CHECK(files >= 3);
  }
}

TEST_CASE("A dry run says what it would do and does nothing") {
  const Setup setup;
  const Ended ended = setup.orcio.Run({"archive", "--dry-run"});
  CHECK(ended.status == 0);
  CHECK(ended.out.find("wiki on workshop: would stop nothing") != std::string::npos);
  CHECK(ended.out.find(setup.volume.string()) != std::string::npos);
  CHECK(ended.out.find("downtime and bytes unknown: no earlier run") != std::string::npos);
  CHECK(setup.orcio.RepositoryNames().empty());
}

TEST_CASE("A dry run says what the run may take, by the last one") {
  const Setup setup;
  REQUIRE(setup.orcio.Run({"archive"}).status == 0);
  const std::string name = setup.orcio.OnlyArchive().filename();
  const std::string date = name.substr(5, name.size() - 5 - std::string(".tar.gz").size());
  const Ended words = setup.orcio.Run({"archive", "--dry-run"});
  INFO(words.out + words.err);
  CHECK(words.out.find("down for nothing, bringing ") != std::string::npos);
  CHECK(words.out.find("by the run of " + date + "\n") != std::string::npos);
  const Ended json = setup.orcio.Run({"--json", "archive", "--dry-run"});
  INFO(json.out + json.err);
  CHECK(json.out.find("\"date\":\"" + date + "\"") != std::string::npos);
  CHECK(json.out.find("\"tar_bytes\":") != std::string::npos);
}

TEST_CASE("One service's failure does not stop the others") {
  const Setup setup;
  setup.orcio.Configure(
      "  broken:\n    host: workshop\n    control: none\n    paths: [/no/such/volume]\n" +
      Service(setup.none()));
  const Ended ended = setup.orcio.Run({"archive"});
  CHECK(ended.status == 1);
  CHECK(ended.err.find("broken on workshop") != std::string::npos);
  CHECK(setup.orcio.OnlyArchive().filename().string().starts_with("wiki-"));
}

}  // namespace orcio::test

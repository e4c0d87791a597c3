// A host that does not play along: endless, senseless and hostile streams, start-up files that
// print, an sshd that allows next to nothing, names of every byte. The service runs afterwards,
// nothing is half made, and nothing that the host says drives a terminal.

#include <sys/mount.h>

#include <algorithm>
#include <fstream>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

// An sshd that has this shell script run instead of every command, which is in
// SSH_ORIGINAL_COMMAND.
std::string Instead(const ScratchDirectory& scratch, const std::string& script) {
  const auto file = scratch / "instead";
  WriteProgram(file, script);
  return "ForceCommand " + file.string();
}

// What a command begins with, so that what follows counts as its own.
constexpr const char* kBegin = "echo; echo orcio-begin; { echo; echo orcio-begin; } >&2\n";

// An honest host but for what it does when it is asked for the tar.
std::string InsteadOfTar(const std::string& script) {
  return std::string("case $SSH_ORIGINAL_COMMAND in *--create*)\n") + kBegin + script +
         ";;\n*) exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\";; esac\n";
}

// A service that is a file: it runs while the file is there.
class Night {
 public:
  explicit Night(const std::string& script = {}, const std::string& sshd_config = {})
      : orcio(BuiltProgram(), script.empty() ? sshd_config : Instead(scratch, script)),
        volume(scratch / "volume") {
    std::filesystem::create_directory(volume);
    WriteFile(volume / "file", "content");
    WriteFile(running(), "");
    Configure("'" + volume.string() + "'");
  }
  void Configure(const std::string& paths, const std::string& more = {},
                 const std::string& host_lines = {}) const {
    const std::string file = "'" + running().string() + "'";
    orcio.Configure("  wiki:\n    host: workshop\n    control: commands\n    stop: \"rm " + file +
                        "; echo stop >>'" + log().string() + "'\"\n    start: \"touch " + file +
                        "\"\n    status: \"test -e " + file + "\"\n    paths: [" + paths + "]\n" +
                        more,
                    host_lines);
  }
  [[nodiscard]] std::filesystem::path running() const { return scratch / "running"; }
  [[nodiscard]] std::filesystem::path log() const { return scratch / "log"; }
  [[nodiscard]] bool was_stopped() const { return std::filesystem::exists(log()); }

  // A run that says each of `words`, and leaves the service running and the repository empty.
  void Fails(const std::vector<std::string>& words) const {
    const Ended ended = orcio.Run({"archive"});
    INFO(ended.err);
    CHECK(ended.status != 0);
    CHECK(ended.status < 20);
    for (const auto& word : words) CHECK(ended.err.find(word) != std::string::npos);
    CheckHarmless(ended);
    CHECK(orcio.RepositoryNames().empty());
  }
  void CheckHarmless(const Ended& ended) const {
    CHECK(std::filesystem::exists(running()));
    for (const std::string& text : {ended.out, ended.err}) {
      CHECK(text.find('\x1b') == std::string::npos);
      CHECK(text.size() < 10'000);
    }
  }

  ScratchDirectory scratch;
  OrcioFixture orcio;
  std::filesystem::path volume;
};

// What a person sees who runs this in a terminal.
std::string InTerminal(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "'" : " '") + word + "'";
  return MustRun({"script", "-qec", line, "/dev/null"});
}

}  // namespace

TEST_CASE("A stream without an end ends when the repository is full") {
  NeedRoot();
  const Night night(
      InsteadOfTar("truncate -s 9G /tmp/orcio-endless.$$; cd /tmp\n"
                   "tar -c --format=gnu -f - orcio-endless.$$ 2>/dev/null | head -c 512\n"
                   "rm /tmp/orcio-endless.$$; exec cat /dev/urandom"));
  REQUIRE(::mount("none", night.orcio.repository().c_str(), "tmpfs", 0, "size=8m") == 0);
  night.Fails({"No space left"});
  CHECK(night.was_stopped());
  REQUIRE(::umount(night.orcio.repository().c_str()) == 0);
}

TEST_CASE("Complaints without an end end the run") {
  const Night night(InsteadOfTar("exec yes \"$(printf '\\033[2Jtar: nonsense')\" >&2"));
  night.Fails({"complained without end", "\\x1b[2Jtar: nonsense"});
  CHECK(night.was_stopped());
}

TEST_CASE("A stream that is no tar makes no archive") {
  const Night night(InsteadOfTar("exec head -c 3000000 /dev/urandom"));
  night.Fails({"wiki-"});
  CHECK(night.was_stopped());
}

TEST_CASE("A tar of hostile names stays in its archive, and drives no terminal") {
  const Night night(InsteadOfTar(
      "d=$(mktemp -d); cd \"$d\"; echo x >evil; echo y >\"$(printf 'a\\033[2J\\nb\\r')\"\n"
      "ln -s /etc/passwd link; ln evil hard\n"
      "tar -c -P --transform 's,evil,../../../../../evil,;s,link,/link,' -f - *\n"
      "cd /; rm -r \"$d\""));
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK((ended.status == 0 || ended.status == 3));
  night.CheckHarmless(ended);
  const auto listed = InTerminal(
      {night.orcio.program(), "-r", night.orcio.repository().string(), "ls", "-l", "wiki"});
  CHECK(listed.find('\x1b') == std::string::npos);
  CHECK(listed.find("a\\x1b[2J\\nb\\r") != std::string::npos);
  CHECK(listed.find("..") == std::string::npos);
}

// It was refused, and if it got past that a tar that "makes no sense at offset 0", exit
// status 4.
TEST_CASE("A login shell that talks before it runs a command disturbs nothing") {
  const std::string before = GENERATE(
      as<std::string>(), "printf 'welcome \\033[31mhome\\n'; echo oh dear >&2",
      "printf 'no newline'", "head -c 60000 /dev/zero", "set -x; echo \"$SSH_ORIGINAL_COMMAND\"");
  CAPTURE(before);
  const Night night(before + "\nexec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\n");
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.err.empty());
  night.CheckHarmless(ended);
  CHECK(MustRun({"tar", "-xOzf", night.orcio.OnlyArchive().string(), "--wildcards", "*/file"}) ==
        "content");
}

TEST_CASE("A login shell that talks too much, or at the wrong time, is refused before the stop") {
  const Night endless(
      "head -c 100000 /dev/zero | tr '\\0' x\n"
      "exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\n");
  endless.Fails({"workshop: more than 64 KiB are printed there before a command begins"});
  CHECK_FALSE(endless.was_stopped());
  const Night farewell("/bin/sh -c \"$SSH_ORIGINAL_COMMAND\"; s=$?; echo good bye; exit $s\n");
  farewell.Fails({"workshop: something there prints to standard output", "good bye"});
  CHECK_FALSE(farewell.was_stopped());
  const Night menu("echo '1) reboot 2) leave'; exit 0\n");
  menu.Fails({"1) reboot 2) leave", "ForceCommand"});
  CHECK_FALSE(menu.was_stopped());
}

TEST_CASE("Noise in the middle of the tar is the host's doing, and no damage here") {
  const Night night(
      InsteadOfTar("/bin/sh -c \"$SSH_ORIGINAL_COMMAND\" 2>/dev/null | tail -c +14 | "
                   "{ echo reminder; cat; }"));
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 1);
  CHECK(ended.err.find("is no whole tar") != std::string::npos);
  night.CheckHarmless(ended);
}

TEST_CASE("A start-up file that complains, a banner, and one session without a terminal are fine") {
  const ScratchDirectory scratch;
  WriteFile(scratch / "banner", "\x1b[31mAuthorised use only\n");
  Night night({}, "Banner " + (scratch / "banner").string() +
                      "\nMaxSessions 1\nPermitTTY no\nDisableForwarding yes");
  WriteFile(night.orcio.sshd().directory() / "home/.bashrc", "echo oh dear >&2\n");
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.err.empty());
  CHECK(MustRun({"tar", "-tzf", night.orcio.OnlyArchive().string()}).find("volume/file\n") !=
        std::string::npos);
}

// tar was told of no file, made an empty tar, and was content: an archive without the database.
TEST_CASE("A start-up file that reads its standard input is refused before the stop") {
  const auto [file, host_lines] =
      GENERATE(table<std::string, std::string>({{"read x\n", ""},
                                                {"cat >/dev/null\n", ""},
                                                {"exec </dev/null\n", ""},
                                                {"cat >/dev/null\n", "    transport: ssh\n"}}));
  CAPTURE(file, host_lines);
  Night night;
  night.Configure("'" + night.volume.string() + "'", {}, host_lines);
  WriteFile(night.orcio.sshd().directory() / "home/.bashrc", file);
  night.Fails({"workshop: what is sent to a command there", "~/.bashrc", "</dev/null"});
  CHECK_FALSE(night.was_stopped());
  const Ended checked = night.orcio.Run({"check"});
  INFO(checked.out << checked.err);
  CHECK(checked.status == 1);
  CHECK((checked.out + checked.err).find("is sent to a command there") != std::string::npos);
}

TEST_CASE("A start-up file that reads its standard input is a warning where nothing is sent") {
  Night night;
  night.Configure("'" + night.volume.string() + "'", "    mode: stop\n    guard: none\n");
  WriteFile(night.orcio.sshd().directory() / "home/.bashrc", "cat >/dev/null\n");
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 3);
  CHECK(ended.err.find("there can be no guard there") != std::string::npos);
  CHECK(MustRun({"tar", "-tzf", night.orcio.OnlyArchive().string()}).find("volume/file\n") !=
        std::string::npos);
  const Ended checked = night.orcio.Run({"check"});
  INFO(checked.out << checked.err);
  CHECK(checked.status != 1);
  CHECK((checked.out + checked.err).find("there can be no guard there") != std::string::npos);
}

TEST_CASE("A start-up file that reads its standard input spoils no export and no restore") {
  Night night;
  REQUIRE(night.orcio.Run({"archive"}).status == 0);
  WriteFile(night.orcio.sshd().directory() / "home/.bashrc", "cat >/dev/null\n");
  const auto target = night.scratch / "target";
  std::filesystem::create_directory(target);
  const std::string to = "workshop:" + target.string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"export", "wiki", to},
        std::vector<std::string>{"restore", "wiki", "--to", to + "/new"}}) {
    CAPTURE(words.front());
    const Ended ended = night.orcio.Run(words);
    INFO(ended.err);
    CHECK(ended.status == 1);
    CHECK(ended.err.find("what is sent to a command there") != std::string::npos);
    CHECK(std::filesystem::is_empty(target));
  }
}

TEST_CASE("A start-up file that is strict and gives who types a time-out is fine") {
  Night night;
  WriteFile(night.orcio.sshd().directory() / "home/.bashrc",
            "set -euC\nTMOUT=1\nexport TMOUT SHELLOPTS\nprintf 'no newline'\n");
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
}

TEST_CASE("A host that runs another command than it is asked to is refused before the stop") {
  const Night sftp({}, "ForceCommand internal-sftp");
  sftp.Fails({"workshop"});
  CHECK_FALSE(sftp.was_stopped());
  const Night nologin("echo 'This account is currently not available.'; exit 1\n");
  nologin.Fails({"not available"});
  CHECK_FALSE(nologin.was_stopped());
}

TEST_CASE("Names of every byte go to the host and come home") {
  Night night;
  std::string every;  // in a path of the configuration: all of ASCII but controls and '/'
  std::string yaml;
  for (int byte = ' '; byte < 127; ++byte) {
    if (byte == '/') continue;
    every += static_cast<char>(byte);
    yaml += fmt::format("\\x{:02x}", byte);
  }
  const auto path = night.scratch / every;
  std::filesystem::create_directory(path);
  std::string rest;  // in a name below it: all that there are
  for (int byte = 255; byte > 0; --byte) {
    if (byte != '/') rest += static_cast<char>(byte);
  }
  WriteFile(path / rest.substr(0, 200), "long");
  WriteFile(path / rest.substr(200), "short");
  WriteFile(path / "left out; $(touch x) `y` 'z'", "gone");
  night.Configure("\"" + night.scratch.path().string() + "/" + yaml + "\"",
                  "    exclude: [\"left out; $(touch x) `y` 'z'\"]\n");
  const Ended ended = night.orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  const ScratchDirectory restored;
  MustRun({"tar", "-xzf", night.orcio.OnlyArchive().string(), "-C", restored.path().string()});
  const auto home = restored.path() / path.relative_path();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(home))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  std::vector<std::string> expected{rest.substr(0, 200), rest.substr(200)};
  std::sort(expected.begin(), expected.end());
  CHECK(names == expected);
}

}  // namespace orcio::test

#include "archiver/host/command_frame.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

constexpr const char* kMark = "\norcio-begin\n";

void MakeProgram(const std::filesystem::path& path, const std::string& script) {
  std::filesystem::create_directories(path.parent_path());
  WriteProgram(path, script);
}

// What the command prints after a prologue, as the filter lets it through.
std::string OwnOf(std::string_view printed) {
  FrameFilter filter;
  const std::string own(filter.Take(printed));
  CHECK(filter.begun());
  return own;
}

std::string RunWith(const std::string& prologue, const std::string& command,
                    const std::map<std::string, std::string>& environment) {
  CommandOptions options;
  options.environment = environment;
  return OwnOf(MustRun({"/bin/sh", "-c", prologue + command}, options));
}

// A socket that nobody listens at.
class Socket {
 public:
  explicit Socket(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path.string();
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

 private:
  int fd_;
};

}  // namespace

TEST_CASE("What came before a command is left out, wherever its output is cut") {
  const std::string own("tar\0\xff\norcio-begin\nagain", 22);
  const std::string noise =
      GENERATE(std::string(), std::string("welcome\n"), std::string("no newline"),
               std::string("\n\n\n"), std::string("+ exec sh -c 'echo; echo orcio-begin'\n"),
               std::string("orcio-begin\n\norcio-b"), std::string("\0\r\n\x1b[2J\n", 8));
  const std::string whole = noise + kMark + own;
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    FrameFilter filter;
    std::string taken(filter.Take(std::string_view(whole).substr(0, cut)));
    taken += filter.Take(std::string_view(whole).substr(cut));
    REQUIRE(taken == own);
    REQUIRE(filter.noise() == noise);
  }
  FrameFilter filter;
  std::string taken;
  for (const char c : whole) taken += filter.Take({&c, 1});
  CHECK(taken == own);
}

TEST_CASE("An output in which no command began is all noise") {
  FrameFilter filter;
  CHECK(filter.Take("This account is not available\norcio-begin").empty());
  CHECK_FALSE(filter.begun());
  CHECK(filter.noise() == "This account is not available\norcio-begin");
}

TEST_CASE("Every shell that is one begins a command with the mark, on both outputs") {
  const std::string line = CommandPrologue({}) + "printf mine; printf 'my error' >&2; exit 3";
  for (const auto& shell : std::vector<std::vector<std::string>>{
           {"sh"}, {"bash"}, {"bash", "-xv"}, {"busybox", "sh"}, {"dash", "-u"}}) {
    auto words = shell;
    words.insert(words.end(), {"-c", line});
    const Ended ended = RunCommand(words);
    CAPTURE(words, ended.err);
    CHECK(ended.status == 3);
    CHECK(OwnOf(ended.out) == "mine");
    CHECK(OwnOf(ended.err).find("my error") != std::string::npos);  // and more, by -x
  }
}

TEST_CASE("Programs are found where NAS systems have them, after those of PATH") {
  const ScratchDirectory scratch;
  MakeProgram(scratch / "bin/orcio-test-program", "echo from home");
  MakeProgram(scratch / "path/orcio-test-program", "echo from PATH");
  const std::string ask = "echo $PATH; orcio-test-program";
  const std::string home = scratch.path().string();
  const auto at_home = RunWith(CommandPrologue({}), ask, {{"PATH", "/nowhere"}, {"HOME", home}});
  CHECK(at_home.starts_with("/nowhere:/usr/local/sbin:/usr/local/bin:/opt/bin:/snap/bin:"));
  CHECK(at_home.ends_with("from home\n"));
  const auto in_path =
      RunWith(CommandPrologue({}), ask, {{"PATH", home + "/path"}, {"HOME", home}});
  CHECK(in_path.ends_with("from PATH\n"));
  // root does not run what a user has in his home directory.
  const auto by_sudo = RunWith(CommandPrologue({}), "echo $PATH",
                               {{"PATH", "/nowhere"}, {"HOME", home}, {"SUDO_UID", "1000"}});
  CHECK(by_sudo.find(home) == std::string::npos);
}

TEST_CASE("What the configuration names comes first, whatever it is called") {
  const ScratchDirectory scratch;
  const auto odd = scratch / "it's $(touch pwned) \"`x`\" *";
  MakeProgram(odd / "docker", "echo odd $DOCKER_HOST");
  MakeProgram(scratch / "other/docker", "echo other");
  HostConfig host;
  host.path = {(scratch / "other").string()};
  CHECK(RunWith(CommandPrologue(host), "docker", {}) == "other\n");
  host.docker = odd / "docker";
  host.docker_socket = "/run/it's";
  CHECK(RunWith(CommandPrologue(host), "docker", {}) == "odd unix:///run/it's\n");
  CHECK_FALSE(std::filesystem::exists("pwned"));
}

// Otherwise `sudo docker` says that the daemon does not run, and the login user's containers are
// out of reach.
TEST_CASE("Where root has no docker daemon, docker talks to the login user's own") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "user");
  std::string prologue = CommandPrologue({});
  const std::string of_root = "/var/run/docker.sock";
  const size_t at = prologue.find(of_root);
  REQUIRE(at != std::string::npos);
  prologue.replace(at, of_root.size(), (scratch / "root.sock").string());
  const std::string ask = "echo \"<${DOCKER_HOST-}>\"";
  std::map<std::string, std::string> environment{{"XDG_RUNTIME_DIR", (scratch / "user").string()}};
  CHECK(RunWith(prologue, ask, environment) == "<>\n");
  const Socket users(scratch / "user/docker.sock");
  CHECK(RunWith(prologue, ask, environment) ==
        "<unix://" + (scratch / "user/docker.sock").string() + ">\n");
  environment["DOCKER_HOST"] = "tcp://elsewhere";
  CHECK(RunWith(prologue, ask, environment) == "<tcp://elsewhere>\n");
  environment.erase("DOCKER_HOST");
  const Socket roots(scratch / "root.sock");
  CHECK(RunWith(prologue, ask, environment) == "<>\n");
}

// Where sh is bash, as on Fedora and its kin.
TEST_CASE("What a start-up file of bash sets and exports does not hold for commands") {
  const ScratchDirectory scratch;
  const std::string file = "'" + (scratch / "file").string() + "'";
  CommandOptions options;
  options.environment["TMOUT"] = "1";
  options.environment["COMMAND"] = CommandPrologue({}) +
                                   "echo $- | tr -cd Cefux; false; echo \"$nothing\" >" + file +
                                   "; echo x >" + file + "; echo ${TMOUT-none}; cat " + file;
  const auto printed = MustRun(
      {"bash", "-c", "set -eufC; export SHELLOPTS; exec bash --posix -c \"$COMMAND\""}, options);
  CHECK(OwnOf(printed) == "none\nx\n");
}

}  // namespace orcio::test

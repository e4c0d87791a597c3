// Commands and streams over a connection by libssh to a real sshd on loopback.

#include <signal.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/integration/ssh/ssh_scene.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

using namespace std::chrono_literals;

TEST_CASE("A command's exit status, output and error output come back") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto result = ValueOf(host->Run("echo out; echo err >&2; exit 7", {}, kNever));
  CHECK(result.exit_status == 7);
  CHECK(result.out == "out\n");
  CHECK(result.err == "err\n");
  CHECK_FALSE(result.signal.has_value());
  CHECK(host->name() == "atena");
  // 255 is what ssh(1) says of its own failures; here it is the command's.
  CHECK(ValueOf(host->Run("exit 255", {}, kNever)).exit_status == 255);
  CHECK(ValueOf(host->Run("true", {}, kNever)).exit_status == 0);
  CHECK(ValueOf(host->Run("no-such-program", {}, kNever)).exit_status == 127);
}

TEST_CASE("A command that a signal ended says which") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto result = ValueOf(host->Run("kill -TERM $$", {}, kNever));
  CHECK(result.exit_status == 128 + SIGTERM);
  CHECK(result.signal == "TERM");
  CHECK(ValueOf(host->Run("kill -KILL $$", {}, kNever)).exit_status == 128 + SIGKILL);
}

TEST_CASE("Input of every byte value comes back as it went") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  RunOptions options;
  options.max_output = size_t{8} << 20;
  for (size_t i = 0; options.input.size() < (size_t{3} << 20); ++i)
    options.input += static_cast<char>(i * 7 + i / 256);
  const auto result = ValueOf(host->Run("cat; cat >&2 </dev/null", options, kNever));
  CHECK(result.exit_status == 0);
  CHECK((result.out == options.input));
  CHECK_FALSE(result.out_truncated);
}

TEST_CASE("A command may leave its input unread") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  RunOptions options;
  options.input.assign(size_t{8} << 20, 'x');
  const auto result = ValueOf(host->Run("echo done", options, kNever));
  CHECK(result.exit_status == 0);
  CHECK(result.out == "done\n");
  CHECK(ValueOf(host->Run("echo again", {}, kNever)).out == "again\n");
}

TEST_CASE("Output beyond the limit is dropped, on both streams, and the command still ends") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  RunOptions options;
  options.max_output = 100000;
  const auto result = ValueOf(host->Run(
      "head -c 5000000 /dev/zero | tr '\\0' a; head -c 5000000 /dev/zero | tr '\\0' b >&2; exit 3",
      options, kNever));
  CHECK(result.exit_status == 3);
  CHECK((result.out == std::string(100000, 'a')));
  CHECK((result.err == std::string(100000, 'b')));
  CHECK(result.out_truncated);
  CHECK(result.err_truncated);
  const auto whole = ValueOf(host->Run("head -c 1048576 /dev/zero", {}, kNever));
  CHECK(whole.out.size() == 1048576);
  CHECK_FALSE(whole.out_truncated);
}

TEST_CASE("A command that takes too long ends with the time-out, and the host can be used again") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  RunOptions options;
  options.timeout = 5s;
  const auto pid_file = sshd.directory() / "pid_of_command";
  const auto result = host->Run(TellPid(pid_file) + "exec sleep 90", options, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(result.error().errnum == ETIMEDOUT);
  CHECK(Mentions(result.error(), "atena"));
  // It was sent a TERM; sshd does not pass signals on if root has logged in.
  const int pid = AwaitPid(pid_file);
  AwaitThat([&] {
    return sshd.Log().find("session signalling requires privilege separation") !=
               std::string::npos ||
           !ProcessLives(pid);
  });
  CHECK_FALSE(host->Run("true", {}, kNever).has_value());
  REQUIRE_OK(host->Connect(kNever));
  CHECK(ValueOf(host->Run("echo back", {}, kNever)).out == "back\n");
}

TEST_CASE("A daemon that holds its standard output open does not keep the command from ending") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto pid_file = sshd.directory() / "pid_of_daemon";
  const auto result = ValueOf(
      host->Run("echo started; sleep 90 & " + TellPid(pid_file, "$!") + "exit 4", {}, kNever));
  CHECK(ProcessLives(AwaitPid(pid_file)));
  CHECK(result.exit_status == 4);
  CHECK(result.out == "started\n");
  CHECK(ValueOf(host->Run("echo next", {}, kNever)).out == "next\n");
}

TEST_CASE("Many commands run one after another over a connection with one session at a time") {
  const SshdFixture sshd("MaxSessions 1");
  const auto host = Connected(sshd.Config());
  for (int i = 0; i < 30; ++i)
    REQUIRE(ValueOf(host->Run("echo " + std::to_string(i), {}, kNever)).out ==
            std::to_string(i) + "\n");
}

TEST_CASE("What a login shell's start-up file prints is left out") {
  const SshdFixture sshd;
  std::ofstream(sshd.directory() / "home/.bashrc") << "echo welcome\necho warning >&2\n";
  const auto result = ValueOf(Connected(sshd.Config())->Run("echo mine; exit 2", {}, kNever));
  CHECK(result.exit_status == 2);
  CHECK(result.out == "mine\n");
  CHECK(result.err.empty());
}

TEST_CASE("Every login shell that is there runs a command, talking or not") {
  for (const std::string shell : {"bash", "dash", "fish", "zsh", "tcsh", "csh", "busybox sh"}) {
    if (RunShell("command -v " + shell.substr(0, shell.find(' '))).status != 0) continue;
    CAPTURE(shell);
    const ScratchDirectory scratch;
    std::ofstream(scratch / "shell")
        << "#!/bin/sh\necho welcome\nexec " << shell << " -c \"$SSH_ORIGINAL_COMMAND\"\n";
    std::filesystem::permissions(scratch / "shell", std::filesystem::perms::owner_all);
    const SshdFixture sshd("ForceCommand " + (scratch / "shell").string());
    const std::string odd = "'a b' \"c\" '$HOME' '`x`' '!' '\\' '\n\\n'";
    const auto result =
        ValueOf(Connected(sshd.Config())->Run("printf '%s|' " + odd + "; exit 2", {}, kNever));
    CHECK(result.exit_status == 2);
    CHECK(result.out == "a b|c|$HOME|`x`|!|\\|\n\\n|");
  }
}

TEST_CASE("A login shell that runs nothing is told from a command that fails") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "nologin") << "#!/bin/sh\necho not available\nexit 1\n";
  std::filesystem::permissions(scratch / "nologin", std::filesystem::perms::owner_all);
  const SshdFixture sshd("ForceCommand " + (scratch / "nologin").string());
  const auto result = ValueOf(Connected(sshd.Config())->Run("true", {}, kNever));
  CHECK_FALSE(result.begun);
  CHECK(result.out == "not available\n");
}

TEST_CASE("Programs are found in the login user's own directory, and where the host's path: says") {
  const ScratchDirectory scratch;
  const SshdFixture sshd("SetEnv PATH=/usr/bin:/bin");
  const auto write = [](const std::filesystem::path& path) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\necho found\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  };
  write(sshd.directory() / "home/bin/orcio-test-program");
  CHECK(ValueOf(Connected(sshd.Config())->Run("orcio-test-program", {}, kNever)).out == "found\n");
  write(scratch / "it's here/orcio-other-program");
  HostConfig config = sshd.Config();
  config.path = {(scratch / "it's here").string()};
  CHECK(ValueOf(Connected(config)->Run("orcio-other-program", {}, kNever)).out == "found\n");
}

TEST_CASE("A banner and a noisy login shell disturb nothing") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "banner") << std::string(3000, '#') << "\nAuthorised use only\n";
  std::ofstream(scratch / "noisy") << "#!/bin/bash\necho welcome\necho warning >&2\nexec "
                                      "/bin/bash -c \"$SSH_ORIGINAL_COMMAND\"\n";
  std::filesystem::permissions(scratch / "noisy", std::filesystem::perms::owner_all);
  const SshdFixture sshd("Banner " + (scratch / "banner").string() + "\nForceCommand " +
                         (scratch / "noisy").string());
  const auto host = Connected(sshd.Config());
  const auto result = ValueOf(host->Run("echo mine; exit 2", {}, kNever));
  CHECK(result.exit_status == 2);
  CHECK(result.out == "mine\n");
  CHECK(result.err.empty());
}

TEST_CASE("A sudo that wants a password is an exit status and a sentence, not an error") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "sudo") << "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n";
  std::filesystem::permissions(scratch / "sudo", std::filesystem::perms::owner_all);
  const SshdFixture sshd("SetEnv PATH=" + scratch.path().string() + ":/usr/bin:/bin");
  HostConfig config = sshd.Config();
  config.sudo = true;
  const auto result = ValueOf(Connected(config)->Run("true", {}, kNever));
  CHECK(result.exit_status == 1);
  CHECK(result.err == "sudo: a password is required\n");
}

TEST_CASE("A host that lets nobody run commands is refused") {
  const SshdFixture sshd("MaxSessions 0");
  const auto host = Connected(sshd.Config());
  const auto result = host->Run("true", {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kRefused);
}

TEST_CASE("A stream carries every byte, through key exchanges on the way") {
  const SshdFixture sshd(GENERATE("", "RekeyLimit 16M"));
  const auto host = Connected(sshd.Config());
  const uint64_t size = uint64_t{256} << 20;
  const std::string command =
      "openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "
      "00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c " +
      std::to_string(size);
  const std::string expected =
      MustRunShell("set +o pipefail; " + command + " | sha256sum | cut -c 1-64");
  DigestSink sink;
  const auto result = ValueOf(host->Stream(command, sink, {}, kNever));
  CHECK(result.exit_status == 0);
  CHECK(result.out.empty());
  CHECK(sink.size == size);
  CHECK(sink.Digest() + "\n" == expected);
  CHECK(ValueOf(host->Run("echo still here", {}, kNever)).out == "still here\n");
}

TEST_CASE("Error output comes along with a stream however much there is of either") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  MemorySink sink;
  RunOptions options;
  options.max_output = 1000;
  // Each is more than pipes, windows and sockets hold, and neither goes on before the other.
  const auto result = ValueOf(host->Stream(
      "for i in 1 2 3; do head -c 4000000 /dev/zero | tr '\\0' e >&2; head -c 4000000 /dev/zero; "
      "done; exit 5",
      sink, options, kNever));
  CHECK(result.exit_status == 5);
  CHECK((sink.bytes == std::string(12000000, '\0')));
  CHECK((result.err == std::string(1000, 'e')));
  CHECK(result.err_truncated);
}

TEST_CASE("A stream's command takes input") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  MemorySink sink;
  RunOptions options;
  options.input = "one\ntwo\n";
  CHECK(ValueOf(host->Stream("cat", sink, options, kNever)).exit_status == 0);
  CHECK(sink.bytes == "one\ntwo\n");
}

TEST_CASE("A sink's error ends the stream and the command") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto pid_file = sshd.directory() / "pid_of_command";
  MemorySink sink;
  sink.fail_at = 1000000;
  const auto result = host->Stream(TellPid(pid_file) + "exec cat /dev/zero", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kIo);
  CHECK(result.error().message == "the disk is full");
  const int pid = AwaitPid(pid_file);
  AwaitThat([&] { return !ProcessLives(pid); });
  REQUIRE_OK(host->Connect(kNever));
  CHECK(ValueOf(host->Run("echo back", {}, kNever)).out == "back\n");
}

TEST_CASE("A command whose end the host does not tell is an error, not an end") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  MemorySink sink;
  sink.on_commit = [&] { sshd.SignalSessions(SIGKILL); };
  const auto result = host->Stream("echo partial; exec sleep 90", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(sink.bytes == "partial\n");
}

// The last one: without a sudo, the program ends here.
TEST_CASE("Commands run through sudo where the configuration and the caller say so") {
  if (RunCommand({"sudo", "-n", "true"}).status != 0)
    SkipOrFail("this test needs a sudo that asks for no password");
  const ScratchDirectory scratch;
  // Stands for the host's sudo and tells what it was asked to do.
  std::ofstream(scratch / "sudo") << "#!/bin/sh\necho \"sudo: $*\" >>"
                                  << (scratch / "asked").string()
                                  << "\nexec /usr/bin/sudo \"$@\"\n";
  std::filesystem::permissions(scratch / "sudo", std::filesystem::perms::owner_all);
  const SshdFixture sshd("SetEnv PATH=" + scratch.path().string() +
                         ":/usr/sbin:/usr/bin:/sbin:/bin");
  HostConfig config = sshd.Config();
  config.sudo = true;
  auto host = Connected(config);
  const auto as_root = ValueOf(host->Run("id -u; printf '%s' \"$SUDO_COMMAND\"", {}, kNever));
  CHECK(as_root.exit_status == 0);
  CHECK(as_root.out.starts_with("0\n/"));
  CHECK(MustRun({"cat", scratch / "asked"}).starts_with("sudo: -n -- sh -c "));
  std::filesystem::remove(scratch / "asked");
  RunOptions as_self;
  as_self.as_root = false;
  CHECK(ValueOf(host->Run("true", as_self, kNever)).err.empty());
  config.sudo = false;
  host = Connected(config);
  CHECK(ValueOf(host->Run("true", {}, kNever)).err.empty());
  CHECK_FALSE(std::filesystem::exists(scratch / "asked"));
}

}  // namespace orcio::test

// A real sshd on loopback, and bad links to it.

#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <list>
#include <optional>
#include <thread>

#include "archiver/host/remote_host.h"
#include "archiver/host/shell_quote.h"
#include "archiver/ssh/ssh_host.h"
#include "archiver/ssh/way/ssh_link.h"
#include "base/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"

using namespace std::chrono_literals;
using orcio::ByteSink;
using orcio::CommandResult;
using orcio::Error;
using orcio::ErrorKind;
using orcio::Failure;
using orcio::HostConfig;
using orcio::MakeSshHost;
using orcio::RemoteHost;
using orcio::Result;
using orcio::RunOptions;
using orcio::Sha256;
using orcio::SshOptions;
using orcio::ToHex;
using orcio::test::LinkProxy;
using orcio::test::MustRun;
using orcio::test::ReservedPort;
using orcio::test::ScratchDirectory;
using orcio::test::SshdFixture;
using std::chrono::steady_clock;

namespace {

const std::stop_token kNever;

// Sets an environment variable for as long as it lives.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class MemorySink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t count) override {
    if (on_commit) on_commit();
    bytes.append(reinterpret_cast<const char*>(buffer_.data()), count);
    if (bytes.size() >= fail_at) return orcio::Fail(ErrorKind::kIo, "the disk is full");
    return {};
  }

  std::string bytes;
  size_t fail_at = SIZE_MAX;
  std::function<void()> on_commit;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(50000);
};

class DigestSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t count) override {
    digest_.Update(std::span(buffer_).first(count));
    size += count;
    return {};
  }
  auto Digest() { return digest_.Finish(); }

  uint64_t size = 0;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1 << 20);
  Sha256 digest_;
};

std::unique_ptr<RemoteHost> Connected(const HostConfig& config, const SshOptions& options = {}) {
  auto host = MakeSshHost(config, options);
  REQUIRE_OK(host->Connect(kNever));
  return host;
}

Error ConnectError(const HostConfig& config, const std::stop_token& stop = kNever) {
  const auto connected = MakeSshHost(config)->Connect(stop);
  REQUIRE_FALSE(connected.has_value());
  return connected.error();
}

bool Mentions(const Error& error, const std::string& text) {
  UNSCOPED_INFO(error.message);
  return error.message.find(text) != std::string::npos;
}

// Nothing that a busy machine does by itself takes longer, and what is tested here for ending would
// go on for longer still: a command that sleeps for 90 s.
constexpr std::chrono::seconds kAtMost{60};

// How long `what` takes, against the clock of a machine that may be busy.
std::chrono::milliseconds TimeOf(const std::function<void()>& what) {
  const auto start = steady_clock::now();
  what();
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
}

void AwaitThat(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + kAtMost;
  while (!condition()) {
    REQUIRE(steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
}

// A command's first words: it tells its process's number. Files are renamed into place, so that no
// number is read of which half is written.
std::string TellPid(const std::filesystem::path& file, const std::string& pid = "$$") {
  const std::string name = orcio::ShellQuote(file.string());
  return "echo " + pid + " >" + name + ".new; mv " + name + ".new " + name + "; ";
}

// What has ended does not live, though nobody may have waited for it yet.
bool ProcessLives(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");  // "PID (NAME) STATE ..."
  std::string stat;
  std::getline(in, stat);
  const size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z';
}

int AwaitPid(const std::filesystem::path& file) {
  AwaitThat([&] { return std::filesystem::exists(file); });
  int pid = 0;
  std::ifstream(file) >> pid;
  REQUIRE(pid > 0);
  return pid;
}

HostConfig Through(const SshdFixture& sshd, const LinkProxy& proxy) {
  HostConfig config = sshd.Config();
  config.port = proxy.port();
  std::ofstream(*config.known_hosts, std::ios::app)
      << "[127.0.0.1]:" << proxy.port() << " " << sshd.HostKey("ed25519") << "\n";
  return config;
}

// What a host sends until it has let us in, and a little more.
uint64_t BytesOfLogin(const SshdFixture& sshd) {
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy));
  return proxy.passed();
}

// For links that are stalled on purpose: a busy machine may well be silent for so long.
const SshOptions kImpatient{.dead_link_timeout = 2s};

}  // namespace

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
  // It was sent a TERM; sshd does not pass signals on where root has logged in.
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
    if (orcio::test::RunShell("command -v " + shell.substr(0, shell.find(' '))).status != 0)
      continue;
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

TEST_CASE("An unknown host key is refused, with its fingerprint and how to accept it") {
  const SshdFixture sshd;
  sshd.WriteKnownHosts({});
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  const std::string fingerprint =
      MustRun({"ssh-keygen", "-lf", sshd.directory() / "host_ed25519.pub"}).substr(4, 50);
  CHECK(Mentions(error, fingerprint));
  CHECK(Mentions(error, "atena"));
  CHECK(Mentions(error, sshd.known_hosts()));
  // What it says to do works.
  const auto command = error.message.substr(error.message.find("ssh-keyscan -p"));
  (void)orcio::test::MustRunShell(command);
  CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("An unknown host key is refused where there is no known_hosts file") {
  const SshdFixture sshd;
  std::filesystem::remove(sshd.known_hosts());
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "is unknown"));
}

TEST_CASE("A changed host key is refused loudly, even where ~/.ssh/config waves it through") {
  SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/config") << "Host *\n  StrictHostKeyChecking no\n";
  sshd.ChangeHostKeys();
  const Error changed = ConnectError(sshd.Config());
  CHECK(changed.kind == ErrorKind::kRefused);
  CHECK(Mentions(changed, "HAS CHANGED"));
  CHECK(Mentions(changed, "ssh-keygen -f"));
  sshd.WriteKnownHosts({});
  const Error unknown = ConnectError(sshd.Config());
  CHECK(unknown.kind == ErrorKind::kRefused);
  CHECK(Mentions(unknown, "is unknown"));
}

TEST_CASE("The host is asked for the key whose type known_hosts has") {
  const SshdFixture sshd;
  for (const std::string type : {"rsa", "ed25519"}) {
    sshd.WriteKnownHosts({sshd.HostKey(type)});
    CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
  }
}

TEST_CASE("A host that shows a key of another type than the known one is refused") {
  const SshdFixture sshd("HostKeyAlgorithms rsa-sha2-512");
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "other types"));
}

TEST_CASE("A revoked host key is refused, where a file knows the host by it all the same") {
  const SshdFixture sshd;
  const std::string host = "[127.0.0.1]:" + std::to_string(sshd.port());
  const std::string revoked = GENERATE("", "*", "[127.0.0.*", "[10.77.0.*");
  std::ofstream(sshd.known_hosts(), std::ios::app)
      << "@revoked " << (revoked.empty() ? host : revoked) << " " << sshd.HostKey("ed25519")
      << " stolen\n";
  if (revoked == "[10.77.0.*") {
    CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
    return;
  }
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "IS REVOKED"));
  CHECK(Mentions(error, sshd.known_hosts().string() + " line 2"));
}

TEST_CASE("A host key that the machine's own known_hosts revokes is refused") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  std::filesystem::create_directory(home / ".ssh");
  const std::string everybodys = home / "everybodys";
  std::ofstream(home / ".ssh/config") << "GlobalKnownHostsFile " << everybodys << "\n";
  std::ofstream(everybodys) << "@revoked * " << sshd.HostKey("rsa") << "\n";
  CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
  std::ofstream(everybodys, std::ios::app) << "@revoked * " << sshd.HostKey("ed25519") << "\n";
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "IS REVOKED"));
  CHECK(Mentions(error, everybodys + " line 2"));
}

TEST_CASE("A host that is known by an authority alone is refused, and that is the reason named") {
  const SshdFixture sshd;
  std::ofstream(sshd.known_hosts()) << "@cert-authority * " << sshd.HostKey("rsa") << "\n";
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "certificate authority alone"));
  CHECK(Mentions(error, "transport: ssh"));
  const auto command = error.message.substr(error.message.find("ssh-keyscan -p"));
  (void)orcio::test::MustRunShell(command);
  CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("orcio logs in where ssh does, whatever known_hosts has of the host") {
  const SshdFixture sshd;
  const std::string port = std::to_string(sshd.port());
  const std::string host = "[127.0.0.1]:" + port;
  const std::string ed25519 = " " + sshd.HostKey("ed25519") + "\n";
  const std::string rsa = " " + sshd.HostKey("rsa") + "\n";
  const std::string another =
      " ssh-ed25519 " + MustRun({"cut", "-d", " ", "-f", "2", sshd.client_key().string() + ".pub"});
  const std::vector<std::string> files{
      host + rsa,                                              // hashed below
      "127.0.0.1" + ed25519,                                   // without its port
      "127.0.0.1" + another,                                   // and with another key
      "[127.0.0.*]:*" + rsa,                                   // a pattern
      "!" + host + ",*" + ed25519,                             // all but this one
      host + another + host + ed25519,                         // the second of two
      host + another + host + rsa,                             // of another type
      "@revoked * ssh-rsa AAAA\nnonsense\n" + host + ed25519,  // lines that cannot be read
      "@revoked " + host + another + host + ed25519,           // another key is revoked
      "@revoked " + host + ed25519 + host + rsa};              // one of two is
  for (size_t i = 0; i < files.size(); ++i) {
    CAPTURE(files[i]);
    std::ofstream(sshd.known_hosts()) << files[i];
    if (i == 0) MustRun({"ssh-keygen", "-H", "-f", sshd.known_hosts()});
    const auto ssh = orcio::test::RunCommand(
        {"ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o",
         "UserKnownHostsFile=" + sshd.known_hosts().string(), "-o", "UpdateHostKeys=no", "-i",
         sshd.client_key(), "-p", port, "-l", sshd.user(), "127.0.0.1", "true"});
    CAPTURE(ssh.err);
    CHECK(MakeSshHost(sshd.Config())->Connect(kNever).has_value() == (ssh.status == 0));
  }
}

TEST_CASE("A key that the host does not know is refused, with user, key and what to do") {
  const SshdFixture sshd;
  const auto stranger = sshd.directory() / "stranger";
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger});
  HostConfig config = sshd.Config();
  config.identity = stranger;
  const Error error = ConnectError(config);
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "user " + sshd.user()));
  CHECK(Mentions(error, stranger));
  CHECK(Mentions(error, "SHA256:"));
  CHECK(Mentions(error, "authorized_keys"));
}

TEST_CASE("An identity that is not there, or is none, is the configuration's fault") {
  const SshdFixture sshd;
  HostConfig config = sshd.Config();
  config.identity = sshd.directory() / "missing";
  CHECK(ConnectError(config).kind == ErrorKind::kInvalid);
  config.identity = sshd.known_hosts();
  const Error error = ConnectError(config);
  CHECK(error.kind == ErrorKind::kInvalid);
  CHECK(Mentions(error, "is not a private key"));
}

TEST_CASE("A key with a passphrase is refused without an agent, and asks nobody") {
  const SshdFixture sshd;
  const Environment no_agent("SSH_AUTH_SOCK", "");
  const std::vector<std::string> format =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"-m", "PEM"});
  const auto locked = sshd.directory() / "locked";
  std::vector<std::string> words{"ssh-keygen", "-q", "-t", "rsa", "-N", "a secret", "-f", locked};
  words.insert(words.end(), format.begin(), format.end());
  MustRun(words);
  sshd.Authorize(MustRun({"cat", locked.string() + ".pub"}));
  HostConfig config = sshd.Config();
  config.identity = locked;
  const Error error = ConnectError(config);
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "passphrase"));
  CHECK(Mentions(error, "ssh-add"));
}

TEST_CASE("A key that an agent holds logs in, with and without a configured identity") {
  const SshdFixture sshd;
  const auto locked = sshd.directory() / "locked";
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "a secret", "-f", locked});
  sshd.Authorize(MustRun({"cat", locked.string() + ".pub"}));
  const std::string socket = sshd.directory() / "agent";
  orcio::test::BackgroundCommand agent({"ssh-agent", "-D", "-a", socket},
                                       sshd.directory() / "agent_log");
  AwaitThat([&] { return std::filesystem::exists(socket); });
  std::ofstream(sshd.directory() / "askpass") << "#!/bin/sh\necho a secret\n";
  std::filesystem::permissions(sshd.directory() / "askpass", std::filesystem::perms::owner_all);
  orcio::test::CommandOptions adding;
  adding.environment = {{"SSH_AUTH_SOCK", socket},
                        {"SSH_ASKPASS", sshd.directory() / "askpass"},
                        {"SSH_ASKPASS_REQUIRE", "force"}};
  MustRun({"ssh-add", "-q", locked}, adding);
  const Environment environment("SSH_AUTH_SOCK", socket);
  HostConfig config = sshd.Config();
  config.identity = locked;
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
  config.identity.reset();
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("~/.ssh/config names the address, port, user, key and known_hosts of a host") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  const Environment no_agent("SSH_AUTH_SOCK", "");
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/config")
      << "Host atena\n  HostName 127.0.0.1\n  Port " << sshd.port() << "\n  User " << sshd.user()
      << "\n  IdentityFile " << sshd.client_key().string() << "\n  LogLevel DEBUG3\n"
      << "Host *\n  Port 1\n  User nobody\n";
  std::filesystem::copy(sshd.known_hosts(), home / ".ssh/known_hosts");
  HostConfig config;
  config.name = config.address = "atena";
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");

  SECTION("which the configuration overrules") {
    const ReservedPort nobody;
    config.port = nobody.number();
    const Error error = ConnectError(config);
    CHECK(error.kind == ErrorKind::kNetwork);
    CHECK(Mentions(error, "127.0.0.1 port " + std::to_string(*config.port)));
    config.port.reset();
    config.user = "no-such-user";
    CHECK(Mentions(ConnectError(config), "user no-such-user"));
    config.user.reset();
    config.identity = home / "missing";
    CHECK(Mentions(ConnectError(config), "missing"));
    config.identity.reset();
    config.known_hosts = home / "empty";
    CHECK(Mentions(ConnectError(config), (home / "empty").string()));
  }
}

TEST_CASE("The default key of the user logs in without any configuration") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  const Environment no_agent("SSH_AUTH_SOCK", "");
  std::filesystem::create_directory(home / ".ssh");
  std::filesystem::copy(sshd.client_key(), home / ".ssh/id_ed25519");
  HostConfig config = sshd.Config();
  config.identity.reset();
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("A proxy command leads to the host, from ~/.ssh/config or the configuration") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/relay")
      << "import socket, sys, threading, os\n"
         "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
         "def up():\n"
         "  while True:\n"
         "    d = os.read(0, 65536)\n"
         "    if not d: os._exit(0)\n"
         "    s.sendall(d)\n"
         "threading.Thread(target=up, daemon=True).start()\n"
         "while True:\n"
         "  d = s.recv(65536)\n"
         "  if not d: break\n"
         "  os.write(1, d)\n";
  const std::string relay = "python3 " + (home / ".ssh/relay").string() + " %h %p";
  HostConfig config = sshd.Config();
  const bool from_ssh_config = GENERATE(true, false);
  if (from_ssh_config) {
    std::ofstream(home / ".ssh/config") << "Host 127.0.0.1\n  ProxyCommand " << relay << "\n";
  } else {
    config.proxy_command = relay;
  }
  const auto host = Connected(config);
  CHECK(ValueOf(host->Run("echo through", {}, kNever)).out == "through\n");
  DigestSink sink;
  CHECK(ValueOf(host->Stream("head -c 50000000 /dev/zero", sink, {}, kNever)).exit_status == 0);
  CHECK(sink.size == 50000000);

  config.proxy_command = "echo 'no way to %r at %h' >&2; exit 1";
  const Error error = ConnectError(config);
  CHECK(error.kind == ErrorKind::kNetwork);
  CHECK(Mentions(error, "no way to " + sshd.user() + " at 127.0.0.1"));
  config.proxy_command = "none";
  CHECK(ValueOf(Connected(config)->Run("echo direct", {}, kNever)).out == "direct\n");
}

// libssh takes no name with a `_`, forgets the host's own name after a HostName, and refuses the
// whole file for a Match that it does not know.
TEST_CASE("~/.ssh/config means what ssh takes it for") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  const Environment no_agent("SSH_AUTH_SOCK", "");
  std::filesystem::create_directories(home / ".ssh/known.d");
  const std::string key = sshd.HostKey("ed25519");
  std::ofstream(home / ".ssh/known.d/the_nas") << "The_NAS " << key << "\n";
  std::ofstream(home / ".ssh/more") << "Host my_nas\n  HostKeyAlias the_nas\n";
  std::ofstream(home / ".ssh/config")
      << "Include more\n"
         "Match host nothing exec \"exit 1\"\n  Port 1\n"
         "Host my_nas\n  HostName 127.0.0.1\n"
         "Host vps my_nas\n  Port "
      << sshd.port() << "\n  User " << sshd.user() << "\n  IdentityFile "
      << sshd.client_key().string()
      << "\n  UserKnownHostsFile ~/.ssh/missing ~/.ssh/known.d/%k\n"
         "Match originalhost my_nas user "
      << sshd.user() << "\n  AddressFamily inet\n  KexAlgorithms curve25519-sha256\n";
  HostConfig config;
  config.name = config.address = "my_nas";
  const auto host = Connected(config);
  CHECK(ValueOf(host->Run("echo in", {}, kNever)).out == "in\n");

  SECTION("and where ssh takes nothing of it, its own words are told") {
    std::ofstream(home / ".ssh/config", std::ios::app) << "\nMatch nonsense\n";
    const Error error = ConnectError(config);
    CHECK(error.kind == ErrorKind::kInvalid);
    CHECK(Mentions(error, (home / ".ssh/config").string() + " line 15: "));
    CHECK(Mentions(error, "Match"));
  }
  SECTION("and a list of which libssh knows nothing is told") {
    std::ofstream(home / ".ssh/more") << "Host my_nas\n  MACs umac-64@openssh.com\n";
    const Error error = ConnectError(config);
    CHECK(error.kind == ErrorKind::kInvalid);
    CHECK(Mentions(error, "MACs"));
  }
}

TEST_CASE("Where this machine has no ssh, libssh reads ~/.ssh/config") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  const Environment no_agent("SSH_AUTH_SOCK", "");
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/config")
      << "Host nas\n  HostName 127.0.0.1\n  Port " << sshd.port() << "\n  User " << sshd.user()
      << "\n  IdentityFile " << sshd.client_key().string() << "\n";
  std::filesystem::copy(sshd.known_hosts(), home / ".ssh/known_hosts");
  HostConfig config;
  config.name = config.address = "nas";
  const Environment no_ssh("PATH", home.path());
  const auto host = Connected(config);
  CHECK(ValueOf(host->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("A jump host leads to the host") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  const Environment no_agent("SSH_AUTH_SOCK", "");
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/config")
      << "Host nas\n  ProxyJump relay_1\nHost nas relay_1\n  HostName 127.0.0.1\n  Port "
      << sshd.port() << "\n  User " << sshd.user() << "\n  IdentityFile "
      << sshd.client_key().string() << "\n  UserKnownHostsFile " << sshd.known_hosts().string()
      << "\n";
  HostConfig config;
  config.name = config.address = "nas";
  const auto host = Connected(config);
  CHECK(ValueOf(host->Run("echo through", {}, kNever)).out == "through\n");
  const std::string accepted = "Accepted publickey for ";
  const size_t first = sshd.Log().find(accepted);
  CHECK(sshd.Log().find(accepted, first + 1) != std::string::npos);  // at the relay, and here

  SECTION("and its key is as strictly looked at as the host's") {
    std::ofstream(home / ".ssh/config", std::ios::app) << "\nHost relay_1\n"
                                                          "  StrictHostKeyChecking no\n";
    sshd.WriteKnownHosts({});
    const Error error = ConnectError(config);
    CHECK(Mentions(error, "Host key verification failed"));
  }
}

// libssh offers all of them, and sshd hangs up.
TEST_CASE("With IdentitiesOnly, of an agent's many keys the named one alone is tried") {
  const SshdFixture sshd("MaxAuthTries 3");
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  std::filesystem::create_directory(home / ".ssh");
  const std::string socket = sshd.directory() / "agent";
  orcio::test::BackgroundCommand agent({"ssh-agent", "-D", "-a", socket},
                                       sshd.directory() / "agent_log");
  AwaitThat([&] { return std::filesystem::exists(socket); });
  const Environment with_agent("SSH_AUTH_SOCK", socket);
  std::string right;
  for (int i = 0; i < 7; ++i) {
    right = home / ("key" + std::to_string(i));
    MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key" + std::to_string(i), "-f",
             right});
    MustRun({"ssh-add", "-q", right});
  }
  sshd.Authorize(MustRun({"cat", right + ".pub"}));
  HostConfig config = sshd.Config();
  config.identity.reset();
  const Error error = ConnectError(config);
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "Too many authentication failures"));
  CHECK(Mentions(error, "IdentitiesOnly"));
  CHECK(Mentions(error, "key0"));

  const auto write = [&](const std::string& identity) {
    std::ofstream(home / ".ssh/config") << "IdentitiesOnly yes\nIdentityFile " << identity << "\n";
  };
  write(right);
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
  std::filesystem::remove(right);  // as where the agent alone has it, or a token
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
  write(right + ".pub");
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
  write(home / "key0");
  const Error wrong = ConnectError(config);
  CHECK(Mentions(wrong, "does not let user"));
  CHECK(Mentions(wrong, "key0"));
  CHECK_FALSE(Mentions(wrong, "key1"));
  // A key that orcio's own configuration names goes first, and is the only one then.
  config.identity = sshd.client_key();
  CHECK(ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("A host key that RevokedHostKeys lists is refused") {
  const SshdFixture sshd;
  const ScratchDirectory home;
  const Environment environment("HOME", home.path());
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/revoked\n";
  CHECK(Mentions(ConnectError(sshd.Config()), "cannot be read"));  // as ssh has it
  std::ofstream(home / "revoked") << "# stolen\n" << sshd.HostKey("rsa") << "\n";
  CHECK(ValueOf(Connected(sshd.Config())->Run("echo in", {}, kNever)).out == "in\n");
  std::ofstream(home / "revoked", std::ios::app) << sshd.HostKey("ed25519") << " it\n";
  const Error listed = ConnectError(sshd.Config());
  CHECK(listed.kind == ErrorKind::kRefused);
  CHECK(Mentions(listed, "IS REVOKED by " + (home / "revoked").string() + " line 3"));
  MustRun({"ssh-keygen", "-q", "-k", "-f", home / "krl", sshd.directory() / "host_rsa.pub"});
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/krl\n";
  CHECK(Mentions(ConnectError(sshd.Config()), "key revocation list"));
}

TEST_CASE("A port where nobody listens is told from a name that does not resolve") {
  HostConfig config;
  config.name = "atena";
  config.address = "127.0.0.1";
  const ReservedPort nobody;
  config.port = nobody.number();
  const Error refused = ConnectError(config);
  CHECK(refused.kind == ErrorKind::kNetwork);
  CHECK(refused.errnum == ECONNREFUSED);
  CHECK(Mentions(refused, "atena"));
  // No name server is asked: it is an alias (gethostbyname(3)) of what is longer than a part of a
  // name may be (RFC 1035, 2.3.4).
  const ScratchDirectory scratch;
  std::ofstream(scratch / "aliases") << "nowhere " << std::string(64, 'h') << ".invalid\n";
  const Environment aliases("HOSTALIASES", scratch / "aliases");
  config.address = "nowhere";
  const Error unresolved = ConnectError(config);
  CHECK(unresolved.kind == ErrorKind::kNetwork);
  CHECK(Mentions(unresolved, "nowhere does not resolve"));
}

TEST_CASE("A host that accepts and says nothing times out, and so does one that stops midway") {
  const SshdFixture sshd;
  const uint64_t login = BytesOfLogin(sshd);
  // All at once: each waits for as long as a login may take on a busy machine.
  struct Attempt {
    Attempt(const SshdFixture& sshd, uint64_t passed) : bytes(passed), proxy(sshd.port()) {
      HostConfig config = Through(sshd, proxy);
      config.connect_timeout = 25s;
      proxy.StallAfter(passed);
      ended =
          std::async(std::launch::async, [config] { return MakeSshHost(config)->Connect(kNever); });
    }
    uint64_t bytes;
    LinkProxy proxy;
    std::future<Result<void>> ended;
  };
  const auto start = steady_clock::now();
  std::list<Attempt> attempts;
  for (const unsigned percent : {0U, 1U, 30U, 50U, 70U})
    attempts.emplace_back(sshd, login * percent / 100);
  for (auto& attempt : attempts) {
    CAPTURE(attempt.bytes, login);
    const auto connected = attempt.ended.get();
    REQUIRE_FALSE(connected.has_value());
    CHECK(connected.error().kind == ErrorKind::kNetwork);
    CHECK(connected.error().errnum == ETIMEDOUT);
    CHECK(attempt.proxy.passed() == attempt.bytes);
  }
  CHECK(steady_clock::now() - start < kAtMost);  // and not for ever
}

TEST_CASE("A link that is cut while logging in is an error") {
  const SshdFixture sshd;
  const uint64_t bytes = BytesOfLogin(sshd) * uint64_t{GENERATE(0U, 1U, 30U, 50U, 70U)} / 100;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  proxy.CutAfter(bytes);
  CHECK(ConnectError(config).kind == ErrorKind::kNetwork);
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
      orcio::test::MustRunShell("set +o pipefail; " + command + " | sha256sum | cut -c 1-64");
  DigestSink sink;
  const auto result = ValueOf(host->Stream(command, sink, {}, kNever));
  CHECK(result.exit_status == 0);
  CHECK(result.out.empty());
  CHECK(sink.size == size);
  CHECK(ToHex(sink.Digest()) + "\n" == expected);
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

TEST_CASE("A link that is cut in a stream is an error, wherever it is cut") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy));
  proxy.CutAfter(uint64_t{GENERATE(1U, 100000U, 5000000U)});
  DigestSink sink;
  const auto result = host->Stream("head -c 20000000 /dev/zero", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(sink.size < 20000000);
  proxy.Pass();
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

TEST_CASE("A link that stalls is noticed, in a stream and in a command") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy), kImpatient);
  std::optional<Error> error;
  const bool stream = GENERATE(true, false);
  const auto time = TimeOf([&] {
    DigestSink sink;
    proxy.StallAfter(stream ? 3000000 : 0);
    const auto result = stream ? host->Stream("cat /dev/zero", sink, {}, kNever)
                               : host->Run("sleep 90", {}, kNever);
    REQUIRE_FALSE(result.has_value());
    error = result.error();
  });
  CHECK(error->kind == ErrorKind::kNetwork);
  CHECK(error->errnum == ETIMEDOUT);
  CHECK(time >= 2s);
  CHECK(time < kAtMost);
}

TEST_CASE("An sshd that hangs is noticed while the kernel still answers for it") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config(), kImpatient);
  const auto time = TimeOf([&] {
    MemorySink sink;
    sink.on_commit = [&] { sshd.SignalSessions(SIGSTOP); };
    const auto result = host->Stream("echo first; exec sleep 90", sink, {}, kNever);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::kNetwork);
  });
  CHECK(time >= 2s);
  CHECK(time < kAtMost);
  sshd.SignalSessions(SIGCONT);
}

TEST_CASE("Silence, a slow sink and a slow link are no dead link, however long they last") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  // All at once, as each has to last for longer than it takes to call a link dead; and that is as
  // long as elsewhere, so that a busy machine's silence is none of the test's.
  const std::chrono::seconds longer = SshOptions{}.dead_link_timeout + 2s;
  const std::string sleep = "sleep " + std::to_string(longer.count()) + "; ";
  const auto start = [](const std::shared_ptr<RemoteHost>& host, auto use) {
    return std::async(std::launch::async, [host, use] { return use(*host); });
  };
  auto silent_stream =
      start(Connected(sshd.Config()), [&](RemoteHost& host) -> Result<std::string> {
        MemorySink sink;
        ORCIO_TRY(host.Stream(sleep + "echo late", sink, {}, kNever));
        return sink.bytes;
      });
  auto silent_command = start(Connected(sshd.Config()), [&](RemoteHost& host) {
    return host.Run(sleep + "echo late", {}, kNever);
  });
  auto between_commands = start(Connected(sshd.Config()), [&](RemoteHost& host) {
    std::this_thread::sleep_for(longer);
    return host.Run("echo late", {}, kNever);
  });
  auto slow_sink = start(Connected(sshd.Config()), [&](RemoteHost& host) -> Result<size_t> {
    MemorySink sink;
    sink.on_commit = [&, slept = false]() mutable {
      if (!slept) std::this_thread::sleep_for(longer);
      slept = true;
    };
    ORCIO_TRY(host.Stream("head -c 30000000 /dev/zero", sink, {}, kNever));
    return sink.bytes.size();
  });
  const uint64_t per_second = 10000;
  const auto count = static_cast<uint64_t>(longer.count()) * per_second;
  const auto slow = Connected(Through(sshd, proxy));
  proxy.Trickle(per_second);
  MemorySink trickled;
  REQUIRE_OK(slow->Stream("head -c " + std::to_string(count) + " /dev/zero", trickled, {}, kNever));
  CHECK(trickled.bytes.size() == count);
  CHECK(ValueOf(silent_stream.get()) == "late\n");
  CHECK(ValueOf(silent_command.get()).out == "late\n");
  CHECK(ValueOf(between_commands.get()).out == "late\n");
  CHECK(ValueOf(slow_sink.get()) == 30000000);
}

TEST_CASE("A request to stop ends a command, a stream and a connection attempt at once") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  std::stop_source source;
  const int which = GENERATE(0, 1, 2, 3);
  CAPTURE(which);
  const auto host = which < 2 ? Connected(config) : MakeSshHost(config);
  if (which == 2) proxy.StallAfter(0);
  // Each would go on for longer than that by itself, or for ever.
  const auto begun = sshd.directory() / "pid_of_command";
  std::jthread stopper([&](const std::stop_token& over) {
    while (which == 0 && !std::filesystem::exists(begun) && !over.stop_requested())
      std::this_thread::sleep_for(5ms);
    if (which == 2) std::this_thread::sleep_for(300ms);  // it cannot have connected meanwhile
    if (which == 0 || which == 2) source.request_stop();
  });
  MemorySink sink;
  sink.on_commit = [&] { source.request_stop(); };
  if (which == 3) source.request_stop();
  std::optional<ErrorKind> kind;
  const auto start = steady_clock::now();
  switch (which) {
    case 0:
      kind = host->Run(TellPid(begun) + "exec sleep 90", {}, source.get_token()).error().kind;
      break;
    case 1:
      kind = host->Stream("cat /dev/zero", sink, {}, source.get_token()).error().kind;
      break;
    default:
      kind = host->Connect(source.get_token()).error().kind;
  }
  CHECK(steady_clock::now() - start < kAtMost);
  CHECK(kind == ErrorKind::kCancelled);
}

TEST_CASE("Connecting again uses the connection there is, or makes one where it died") {
  SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto session = ValueOf(host->Run("echo $PPID", {}, kNever)).out;
  REQUIRE_OK(host->Connect(kNever));
  CHECK(sshd.Sessions().size() == 1);
  sshd.SignalSessions(SIGSTOP);
  REQUIRE_OK(host->Connect(kNever));
  CHECK(ValueOf(host->Run("echo new", {}, kNever)).out == "new\n");
  sshd.Stop();
  const auto gone = host->Connect(kNever);
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().kind == ErrorKind::kNetwork);
  sshd.Start();
  REQUIRE_OK(host->Connect(kNever));
  host->Disconnect();
  host->Disconnect();
  CHECK(host->Run("true", {}, kNever).error().kind == ErrorKind::kNetwork);
}

TEST_CASE("A host that lets nobody run commands is refused") {
  const SshdFixture sshd("MaxSessions 0");
  const auto host = Connected(sshd.Config());
  const auto result = host->Run("true", {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kRefused);
}

TEST_CASE("A refused link shows at once") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  proxy.Refuse();
  CHECK(ConnectError(config).errnum == ECONNREFUSED);
  proxy.Pass();
}

// The last one: without a sudo, the program ends here.
TEST_CASE("Commands run through sudo where the configuration and the caller say so") {
  if (orcio::test::RunCommand({"sudo", "-n", "true"}).status != 0)
    orcio::test::SkipOrFail("this test needs a sudo that asks for no password");
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

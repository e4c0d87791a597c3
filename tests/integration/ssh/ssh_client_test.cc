// `transport: ssh`: this machine's own OpenSSH client, a real sshd on loopback, and bad links to
// it.

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "tests/integration/ssh/ssh_scene.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

HostConfig BySsh(HostConfig config) {
  config.transport = Transport::kSsh;
  return config;
}

std::unique_ptr<RemoteHost> ConnectedBySsh(const HostConfig& config) {
  return Connected(BySsh(config));
}

std::string SaysIn(const std::unique_ptr<RemoteHost>& host) {
  return ValueOf(host->Run("echo in", {}, kNever)).out;
}

// Of a process in /proc that ends meanwhile, nothing: an istreambuf_iterator would throw.
std::string TextOf(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

// The words of each ssh of ours to this sshd, which nothing else names.
std::vector<std::vector<std::string>> Clients(const SshdFixture& sshd) {
  std::vector<std::vector<std::string>> clients;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::vector<std::string> words(1);
    for (const char c : TextOf(entry.path() / "cmdline")) {
      if (c == '\0') words.emplace_back();
      if (c != '\0') words.back() += c;
    }
    const std::string known = "UserKnownHostsFile=\"" + sshd.known_hosts().string() + "\"";
    const bool ours = std::find(words.begin(), words.end(), known) != words.end();
    if (ours && words.front() == "ssh") clients.push_back(std::move(words));
  }
  return clients;
}

// Where an ssh shares its connection.
std::filesystem::path SocketOf(const std::vector<std::string>& client) {
  const auto option = std::find(client.begin(), client.end(), "-S");
  REQUIRE(option != client.end());
  return *std::next(option);
}

// A key, and a certificate for it: KEY-cert.pub.
void MakeCertified(const std::filesystem::path& key, const std::filesystem::path& authority,
                   const std::vector<std::string>& options) {
  MustRun({"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key});
  std::vector<std::string> words{"ssh-keygen", "-q", "-s", authority, "-I", "test"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(key.string() + ".pub");
  MustRun(words);
}

std::filesystem::path MakeAuthority(const ScratchDirectory& scratch) {
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch / "authority"});
  return scratch / "authority";
}

}  // namespace

TEST_CASE("ssh: a command's status and bytes of every value come back as they went") {
  const SshdFixture sshd;
  std::ofstream(sshd.directory() / "home/.bashrc") << "echo welcome\necho warning >&2\n";
  const auto host = ConnectedBySsh(sshd.Config());
  CHECK(host->name() == "atena");
  RunOptions options;
  options.max_output = size_t{8} << 20;
  for (size_t i = 0; options.input.size() < (size_t{3} << 20); ++i)
    options.input += static_cast<char>(i * 7 + i / 256);
  const auto result = ValueOf(host->Run("cat; echo err >&2; exit 7", options, kNever));
  CHECK(result.exit_status == 7);
  CHECK((result.out == options.input));
  CHECK(result.err == "err\n");
  CHECK_FALSE(result.out_truncated);
  // 255 is what ssh(1) says of its own failures; here it is the command's.
  CHECK(ValueOf(host->Run("exit 255", {}, kNever)).exit_status == 255);
  CHECK(ValueOf(host->Run("no-such-program", {}, kNever)).exit_status == 127);
  CHECK(ValueOf(host->Run("test -t 0 || echo none; echo ${SSH_AUTH_SOCK-none}", {}, kNever)).out ==
        "none\nnone\n");
  // What nobody reads is nobody's error.
  CHECK(ValueOf(host->Run("exec <&-; echo done", options, kNever)).out == "done\n");
  CHECK(SaysIn(host) == "in\n");
}

TEST_CASE("ssh: a stream carries every byte, and error output beside it") {
  const SshdFixture sshd(GENERATE("", "RekeyLimit 16M"));
  const auto host = ConnectedBySsh(sshd.Config());
  const std::string command =
      "openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "
      "00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c 100000000";
  const std::string expected =
      MustRunShell("set +o pipefail; " + command + " | sha256sum | cut -c 1-64");
  DigestSink sink;
  RunOptions options;
  options.max_output = 1000;
  const auto result =
      ValueOf(host->Stream("head -c 4000000 /dev/zero | tr '\\0' e >&2; " + command + "; exit 5",
                           sink, options, kNever));
  CHECK(result.exit_status == 5);
  CHECK(sink.size == 100000000);
  CHECK(sink.Digest() + "\n" == expected);
  CHECK((result.err == std::string(1000, 'e')));
  CHECK(result.err_truncated);
}

TEST_CASE("ssh: commands run one after another over one connection with one session at a time") {
  const SshdFixture sshd("MaxSessions 1");
  const auto host = ConnectedBySsh(sshd.Config());
  for (int i = 0; i < 20; ++i)
    REQUIRE(ValueOf(host->Run("echo " + std::to_string(i), {}, kNever)).out ==
            std::to_string(i) + "\n");
  REQUIRE_OK(host->Connect(kNever));
  CHECK(sshd.Sessions().size() == 1);
}

TEST_CASE("ssh: a host that lets nobody run commands is refused") {
  const SshdFixture sshd("MaxSessions 0");
  const auto result = ConnectedBySsh(sshd.Config())->Run("true", {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kRefused);
}

TEST_CASE("ssh: a daemon that holds its standard output open does not keep the command running") {
  const SshdFixture sshd;
  const auto host = ConnectedBySsh(sshd.Config());
  const auto result = ValueOf(host->Run("echo started; sleep 90 & exit 4", {}, kNever));
  CHECK(result.exit_status == 4);
  CHECK(result.out == "started\n");
  CHECK(SaysIn(host) == "in\n");
}

TEST_CASE("ssh: a command that takes too long ends with the time-out") {
  const SshdFixture sshd;
  const auto host = ConnectedBySsh(sshd.Config());
  RunOptions options;
  options.timeout = 3s;
  const auto result = host->Run("exec sleep 90", options, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(result.error().errnum == ETIMEDOUT);
  CHECK_FALSE(host->Run("true", {}, kNever).has_value());
  REQUIRE_OK(host->Connect(kNever));
  CHECK(SaysIn(host) == "in\n");
}

// Status 0 would be the worst to make of it.
TEST_CASE("ssh: a command whose end the host does not tell is an error and no end") {
  const SshdFixture sshd;
  const auto host = ConnectedBySsh(sshd.Config());
  DigestSink sink;
  const bool by_signal = GENERATE(true, false);
  if (!by_signal) sink.on_commit = [&] { sshd.SignalSessions(SIGKILL); };
  const auto result = host->Stream(
      by_signal ? "echo partial; kill -TERM $$" : "echo partial; exec sleep 90", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(Mentions(result.error(), by_signal ? "a signal" : "the link broke"));
  CHECK(sink.size == std::string("partial\n").size());
  REQUIRE_OK(host->Connect(kNever));
  CHECK(SaysIn(host) == "in\n");
}

TEST_CASE("ssh: a host certificate is accepted where libssh has to refuse the host") {
  const ScratchDirectory scratch;
  const auto authority = MakeAuthority(scratch);
  const auto key = scratch / "host";
  MakeCertified(key, authority, {"-h", "-n", "127.0.0.1"});
  const SshdFixture sshd("HostKey " + key.string() + "\nHostCertificate " + key.string() +
                         "-cert.pub");
  std::ofstream(sshd.known_hosts()) << "@cert-authority * " << TextOf(authority.string() + ".pub");
  CHECK(SaysIn(ConnectedBySsh(sshd.Config())) == "in\n");
  const auto by_libssh = MakeSshHost(sshd.Config())->Connect(kNever);
  REQUIRE_FALSE(by_libssh.has_value());
  CHECK(by_libssh.error().kind == ErrorKind::kRefused);
  CHECK(Mentions(by_libssh.error(), "transport: ssh"));
  // Another authority's word is worth nothing.
  std::ofstream(sshd.known_hosts())
      << "@cert-authority * " << TextOf(sshd.client_key().string() + ".pub");
  CHECK(ConnectError(BySsh(sshd.Config())).kind == ErrorKind::kRefused);
}

TEST_CASE("ssh: a user's certificate logs in where no key is listed") {
  const ScratchDirectory scratch;
  const auto authority = MakeAuthority(scratch);
  const SshdFixture sshd("TrustedUserCAKeys " + authority.string() + ".pub");
  const auto key = scratch / "user";
  MakeCertified(key, authority, {"-n", sshd.user()});
  HostConfig config = sshd.Config();
  config.identity = key;
  CHECK(SaysIn(ConnectedBySsh(config)) == "in\n");
  std::filesystem::remove(key.string() + "-cert.pub");
  const Error error = ConnectError(BySsh(config));
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "Permission denied (publickey)"));
  CHECK(Mentions(error, "authorized_keys"));
}

TEST_CASE("ssh: a wrong or unknown or revoked host key is refused and known_hosts stays as it is") {
  const SshdFixture sshd;
  const std::string host = "[127.0.0.1]:" + std::to_string(sshd.port()) + " ";
  const int which = GENERATE(0, 1, 2);
  CAPTURE(which);
  const std::string client = TextOf(sshd.client_key().string() + ".pub");
  const std::string known = which == 0   ? host + client
                            : which == 1 ? std::string()
                                         : "@revoked " + host + sshd.HostKey("ed25519") + "\n" +
                                               host + sshd.HostKey("ed25519") + "\n";
  std::ofstream(sshd.known_hosts()) << known;
  const Error error = ConnectError(BySsh(sshd.Config()));
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, which == 0   ? "THE HOST KEY HAS CHANGED"
                        : which == 1 ? "its host key is unknown to ssh"
                                     : "THE HOST KEY IS REVOKED"));
  CHECK(TextOf(sshd.known_hosts()) == known);
}

TEST_CASE("ssh: an unknown host key is accepted where the user's own configuration says so") {
  const SshdFixture sshd;
  const SshHome home;
  std::ofstream(home / ".ssh/config")
      << "Host atena\n  HostName 127.0.0.1\n  Port " << sshd.port() << "\n  User " << sshd.user()
      << "\n  IdentityFile " << sshd.client_key().string()
      << "\n  LogLevel QUIET\n  RemoteCommand false\n  RequestTTY force\n  SessionType none\n"
      << "  StrictHostKeyChecking accept-new\n";
  HostConfig config;
  config.name = config.address = "atena";
  CHECK(SaysIn(ConnectedBySsh(config)) == "in\n");
  CHECK(TextOf(home / ".ssh/known_hosts").find(sshd.HostKey("ed25519")) != std::string::npos);
}

TEST_CASE("ssh: a key with a passphrase is refused and nobody is asked") {
  const SshdFixture sshd;
  const auto locked = sshd.directory() / "locked";
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked});
  sshd.Authorize(TextOf(locked.string() + ".pub"));
  const Variable no_agent("SSH_AUTH_SOCK", "");
  const auto asked = sshd.directory() / "asked";
  std::ofstream(sshd.directory() / "askpass") << "#!/bin/sh\ntouch '" << asked.string() << "'\n";
  std::filesystem::permissions(sshd.directory() / "askpass", std::filesystem::perms::owner_all);
  const Variable askpass("SSH_ASKPASS", sshd.directory() / "askpass");
  const Variable force("SSH_ASKPASS_REQUIRE", "force");
  HostConfig config = sshd.Config();
  config.identity = locked;
  CHECK(ConnectError(BySsh(config)).kind == ErrorKind::kRefused);
  CHECK_FALSE(std::filesystem::exists(asked));
}

TEST_CASE("ssh: who does not answer or refuses or has no way is told apart") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  HostConfig config = Through(sshd, proxy);
  proxy.StallAfter(0);
  config.connect_timeout = 5s;
  const Error silent = ConnectError(BySsh(config));
  CHECK(silent.kind == ErrorKind::kNetwork);
  CHECK(silent.errnum == ETIMEDOUT);
  config.connect_timeout = 20s;
  proxy.Refuse();  // after that: it would listen again only some time after Refuse
  CHECK(ConnectError(BySsh(config)).errnum == ECONNREFUSED);
  // Its output stays open until it has spoken: ssh ends it as soon as that is closed.
  config.proxy_command = "sh -c \"printf 'no way to %%s\\033\\n' %h >&2; exit 1\"";
  const Error error = ConnectError(BySsh(config));
  CHECK(error.kind == ErrorKind::kNetwork);
  CHECK(Mentions(error, "no way to 127.0.0.1\\x1b"));
}

TEST_CASE("ssh: without a client the reason is named") {
  const SshdFixture sshd;
  const ScratchDirectory empty;
  const Variable path("PATH", empty.path());
  const Error error = ConnectError(BySsh(sshd.Config()));
  CHECK(error.kind == ErrorKind::kInvalid);
  CHECK(Mentions(error, "openssh-client"));
}

TEST_CASE("ssh: a link that is cut in a stream is an error wherever it is cut") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const auto host = ConnectedBySsh(Through(sshd, proxy));
  CheckCutInStream(*host, proxy, uint64_t{GENERATE(1U, 100000U, 5000000U)});
}

TEST_CASE("ssh: a link that stalls is noticed in a stream and in a command") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  // Called dead no sooner than elsewhere: a busy machine may be silent for some seconds, by itself.
  const auto host = ConnectedBySsh(Through(sshd, proxy));
  const bool stream = GENERATE(true, false);
  const auto start = steady_clock::now();
  DigestSink sink;
  proxy.StallAfter(stream ? 3000000 : 0);
  RunOptions options;
  options.timeout = std::chrono::seconds(0);
  const auto result = stream ? host->Stream("cat /dev/zero", sink, {}, kNever)
                             : host->Run("sleep 90", options, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(result.error().errnum == ETIMEDOUT);
  CHECK(Mentions(result.error(), "not responding"));
  CHECK(steady_clock::now() - start < kAtMost);
}

TEST_CASE("ssh: a request to stop ends a command and a stream and a connection attempt at once") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  const int which = GENERATE(0, 1, 2);
  CAPTURE(which);
  const auto host = which < 2 ? ConnectedBySsh(config) : MakeSshHost(BySsh(config));
  if (which == 2) proxy.StallAfter(0);
  std::stop_source source;
  const auto begun = sshd.directory() / "begun";
  std::jthread stopper([&](const std::stop_token& over) {
    const auto ready = [&] {
      return which == 0 ? std::filesystem::exists(begun) : !Clients(sshd).empty();
    };
    while (which != 1 && !ready() && !over.stop_requested()) std::this_thread::sleep_for(5ms);
    if (which != 1) source.request_stop();
  });
  DigestSink sink;
  sink.on_commit = [&] { source.request_stop(); };
  const auto start = steady_clock::now();
  const auto kind =
      which == 0
          ? host->Run("touch '" + begun.string() + "'; exec sleep 90", {}, source.get_token())
                .error()
                .kind
      : which == 1 ? host->Stream("cat /dev/zero", sink, {}, source.get_token()).error().kind
                   : host->Connect(source.get_token()).error().kind;
  CHECK(kind == ErrorKind::kCancelled);
  CHECK(steady_clock::now() - start < kAtMost);
  AwaitThat([&] { return Clients(sshd).empty(); });
}

TEST_CASE("ssh: a sink's error ends the stream and the command") {
  const SshdFixture sshd;
  const auto host = ConnectedBySsh(sshd.Config());
  DigestSink sink;
  sink.fail_at = 1000000;
  const auto result = host->Stream("exec cat /dev/zero", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message == "the disk is full");
  AwaitThat([&] { return sshd.Sessions().empty(); });
}

TEST_CASE("ssh: connecting again makes a connection where the one there was has died") {
  SshdFixture sshd;
  const auto host = ConnectedBySsh(sshd.Config());
  sshd.SignalSessions(SIGKILL);
  AwaitThat([&] { return Clients(sshd).empty(); });
  REQUIRE_OK(host->Connect(kNever));
  CHECK(SaysIn(host) == "in\n");
  sshd.Stop();
  AwaitThat([&] { return Clients(sshd).empty(); });  // one that has not noticed still answers
  CheckComesAndGoes(*host, sshd);
}

TEST_CASE("ssh: its socket is for its owner alone and ends with the host") {
  const SshdFixture sshd;
  auto host = ConnectedBySsh(sshd.Config());
  REQUIRE(Clients(sshd).size() == 1);
  const auto socket = SocketOf(Clients(sshd).front());
  CHECK(std::filesystem::status(socket.parent_path()).permissions() ==
        std::filesystem::perms::owner_all);
  CHECK(std::filesystem::is_socket(socket));
  host.reset();
  CHECK_FALSE(std::filesystem::exists(socket.parent_path()));
  AwaitThat([&] { return Clients(sshd).empty(); });
}

TEST_CASE("ssh: a whole run archives a service and leaves nothing behind") {
  OrcioFixture orcio(BuiltProgram());
  const auto volume = orcio.scratch() / "srv/wiki";
  std::filesystem::create_directories(volume);
  std::ofstream(volume / "page") << "the text";
  const auto stopped = orcio.scratch() / "stopped";
  orcio.Configure("  wiki:\n    host: workshop\n    control: commands\n    stop: touch '" +
                      stopped.string() + "'\n    start: rm '" + stopped.string() +
                      "'\n    paths: ['" + volume.string() + "']\n",
                  "    transport: ssh\n");
  const Ended ended = orcio.Run({"archive"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(MustRun({"tar", "-xzOf", orcio.OnlyArchive(),
                 (volume / "page").relative_path().string()}) == "the text");
  CHECK_FALSE(std::filesystem::exists(stopped));
  AwaitThat([&] { return Clients(orcio.sshd()).empty(); });

  orcio.sshd().ChangeHostKeys();
  const Ended refused = orcio.Run({"archive"});
  CHECK(refused.status == 12);
  CHECK(refused.err.find("THE HOST KEY HAS CHANGED") != std::string::npos);
  CHECK(refused.err.find('\r') == std::string::npos);
}

TEST_CASE("ssh: an orcio that is killed leaves no ssh and no socket") {
  OrcioFixture orcio(BuiltProgram());
  LinkProxy proxy(orcio.sshd().port());
  const HostConfig through = Through(orcio.sshd(), proxy);
  const auto volume = orcio.scratch() / "srv/wiki";
  std::filesystem::create_directories(volume);
  std::ofstream(volume / "data") << std::string(4 << 20, 'x');
  orcio.Configure("  wiki:\n    host: slow\n    control: none\n    wire: none\n    paths: ['" +
                      volume.string() + "']\n",
                  "  slow:\n    address: 127.0.0.1\n    port: " + std::to_string(proxy.port()) +
                      "\n    user: " + orcio.sshd().user() +
                      "\n    identity: " + orcio.sshd().client_key().string() +
                      "\n    known_hosts: " + orcio.sshd().known_hosts().string() +
                      "\n    transport: ssh\n");
  proxy.StallAfter(1000000);  // in the middle of the volume
  BackgroundCommand run({orcio.program(), "-c", orcio.config().string(), "archive"},
                        (orcio.scratch() / "log").string());
  AwaitThat([&] { return proxy.passed() > 500000 || !run.running(); });
  INFO(TextOf(orcio.scratch() / "log"));
  const auto clients = Clients(orcio.sshd());
  REQUIRE_FALSE(clients.empty());
  run.End(SIGKILL);
  AwaitThat([&] { return Clients(orcio.sshd()).empty(); });
  for (const auto& client : clients) {
    const auto directory = SocketOf(client).parent_path();
    AwaitThat([&] { return !std::filesystem::exists(directory); });
  }
}

}  // namespace orcio::test

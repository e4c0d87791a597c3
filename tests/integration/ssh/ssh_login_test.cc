// How libssh gets to a real sshd on loopback and is let in: keys, agents, ~/.ssh/config, proxy
// commands.

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/integration/ssh/ssh_scene.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/sshd_fixture.h"

namespace orcio::test {

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
  const Variable no_agent("SSH_AUTH_SOCK", "");
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
  BackgroundCommand agent({"ssh-agent", "-D", "-a", socket}, sshd.directory() / "agent_log");
  AwaitThat([&] { return std::filesystem::exists(socket); });
  std::ofstream(sshd.directory() / "askpass") << "#!/bin/sh\necho a secret\n";
  std::filesystem::permissions(sshd.directory() / "askpass", std::filesystem::perms::owner_all);
  CommandOptions adding;
  adding.environment = {{"SSH_AUTH_SOCK", socket},
                        {"SSH_ASKPASS", sshd.directory() / "askpass"},
                        {"SSH_ASKPASS_REQUIRE", "force"}};
  MustRun({"ssh-add", "-q", locked}, adding);
  const Variable environment("SSH_AUTH_SOCK", socket);
  HostConfig config = sshd.Config();
  config.identity = locked;
  CHECK(LetsIn(config));
  config.identity.reset();
  CHECK(LetsIn(config));
}

TEST_CASE("~/.ssh/config names the address, port, user, key and known_hosts of a host") {
  const SshdFixture sshd;
  const SshHome home;
  std::ofstream(home / ".ssh/config")
      << "Host atena\n  HostName 127.0.0.1\n  Port " << sshd.port() << "\n  User " << sshd.user()
      << "\n  IdentityFile " << sshd.client_key().string() << "\n  LogLevel DEBUG3\n"
      << "Host *\n  Port 1\n  User nobody\n";
  std::filesystem::copy(sshd.known_hosts(), home / ".ssh/known_hosts");
  HostConfig config;
  config.name = config.address = "atena";
  CHECK(LetsIn(config));

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
  const SshHome home;
  std::filesystem::copy(sshd.client_key(), home / ".ssh/id_ed25519");
  HostConfig config = sshd.Config();
  config.identity.reset();
  CHECK(LetsIn(config));
}

TEST_CASE("A proxy command leads to the host, from ~/.ssh/config or the configuration") {
  const SshdFixture sshd;
  const SshHome home;
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
  const SshHome home;
  std::filesystem::create_directory(home / ".ssh/known.d");
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
  const SshHome home;
  std::ofstream(home / ".ssh/config")
      << "Host nas\n  HostName 127.0.0.1\n  Port " << sshd.port() << "\n  User " << sshd.user()
      << "\n  IdentityFile " << sshd.client_key().string() << "\n";
  std::filesystem::copy(sshd.known_hosts(), home / ".ssh/known_hosts");
  HostConfig config;
  config.name = config.address = "nas";
  const Variable no_ssh("PATH", home.path());
  const auto host = Connected(config);
  CHECK(ValueOf(host->Run("echo in", {}, kNever)).out == "in\n");
}

TEST_CASE("A jump host leads to the host") {
  const SshdFixture sshd;
  const SshHome home;
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
  const SshHome home;
  const std::string socket = sshd.directory() / "agent";
  BackgroundCommand agent({"ssh-agent", "-D", "-a", socket}, sshd.directory() / "agent_log");
  AwaitThat([&] { return std::filesystem::exists(socket); });
  const Variable with_agent("SSH_AUTH_SOCK", socket);
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
  CHECK(LetsIn(config));
  std::filesystem::remove(right);  // as if the agent alone has it, or a token
  CHECK(LetsIn(config));
  write(right + ".pub");
  CHECK(LetsIn(config));
  write(home / "key0");
  const Error wrong = ConnectError(config);
  CHECK(Mentions(wrong, "does not let user"));
  CHECK(Mentions(wrong, "key0"));
  CHECK_FALSE(Mentions(wrong, "key1"));
  // A key that orcio's own configuration names goes first, and is the only one then.
  config.identity = sshd.client_key();
  CHECK(LetsIn(config));
}

}  // namespace orcio::test

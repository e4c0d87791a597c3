// Which host keys libssh takes, of a real sshd on loopback.

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/integration/ssh/ssh_scene.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

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
  (void)MustRunShell(command);
  CHECK(LetsIn(sshd.Config()));
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
  const SshHome home;
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
    CHECK(LetsIn(sshd.Config()));
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
    CHECK(LetsIn(sshd.Config()));
    return;
  }
  const Error error = ConnectError(sshd.Config());
  CHECK(error.kind == ErrorKind::kRefused);
  CHECK(Mentions(error, "IS REVOKED"));
  CHECK(Mentions(error, sshd.known_hosts().string() + " line 2"));
}

TEST_CASE("A host key that the machine's own known_hosts revokes is refused") {
  const SshdFixture sshd;
  const SshHome home;
  const std::string everybodys = home / "everybodys";
  std::ofstream(home / ".ssh/config") << "GlobalKnownHostsFile " << everybodys << "\n";
  std::ofstream(everybodys) << "@revoked * " << sshd.HostKey("rsa") << "\n";
  CHECK(LetsIn(sshd.Config()));
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
  (void)MustRunShell(command);
  CHECK(LetsIn(sshd.Config()));
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
    const auto ssh = RunCommand(
        {"ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o",
         "UserKnownHostsFile=" + sshd.known_hosts().string(), "-o", "UpdateHostKeys=no", "-i",
         sshd.client_key(), "-p", port, "-l", sshd.user(), "127.0.0.1", "true"});
    CAPTURE(ssh.err);
    CHECK(MakeSshHost(sshd.Config())->Connect(kNever).has_value() == (ssh.status == 0));
  }
}

TEST_CASE("A host key that RevokedHostKeys lists is refused") {
  const SshdFixture sshd;
  const SshHome home;
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/revoked\n";
  CHECK(Mentions(ConnectError(sshd.Config()), "cannot be read"));  // as ssh has it
  std::ofstream(home / "revoked") << "# stolen\n" << sshd.HostKey("rsa") << "\n";
  CHECK(LetsIn(sshd.Config()));
  std::ofstream(home / "revoked", std::ios::app) << sshd.HostKey("ed25519") << " it\n";
  const Error listed = ConnectError(sshd.Config());
  CHECK(listed.kind == ErrorKind::kRefused);
  CHECK(Mentions(listed, "IS REVOKED by " + (home / "revoked").string() + " line 3"));
  MustRun({"ssh-keygen", "-q", "-k", "-f", home / "krl", sshd.directory() / "host_rsa.pub"});
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/krl\n";
  CHECK(Mentions(ConnectError(sshd.Config()), "key revocation list"));
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/r%%-%h\n";
  std::filesystem::rename(home / "revoked", home / "r%-127.0.0.1");
  CHECK(Mentions(ConnectError(sshd.Config()),
                 "IS REVOKED by " + (home / "r%-127.0.0.1").string() + " line 3"));
  std::ofstream(home / ".ssh/config") << "RevokedHostKeys ~/revoked-%C\n";
  const Error unknown = ConnectError(sshd.Config());
  CHECK(unknown.kind == ErrorKind::kRefused);
  CHECK(Mentions(unknown, "does not know the tokens %C"));
}

}  // namespace orcio::test

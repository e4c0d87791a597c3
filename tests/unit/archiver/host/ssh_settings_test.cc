#include "archiver/ssh/way/ssh_settings.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "archiver/ssh/libssh/ssh_options.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"

using orcio::HostConfig;
using orcio::JumpCommand;
using orcio::ParseSshSettings;
using orcio::PreferringTypes;
using orcio::SshConfigForHome;
using orcio::SshSettings;
using orcio::test::CommandOptions;
using orcio::test::MustRun;

namespace {

using Words = std::vector<std::string>;

const std::string kTold =
    "host nas\nuser backup\nhostname nas.example.org\nport 2222\naddressfamily inet6\n"
    "identitiesonly yes\nciphers aes128-ctr\nmacs hmac-sha2-256\n"
    "hostkeyalgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512\n"
    "kexalgorithms curve25519-sha256\nhostkeyalias the_nas\n"
    "identityfile none\nidentityfile /keys/%h-%r-%p-%n-%k%%\nidentityfile /keys/${NOT_SET}/x\n"
    "identityfile /keys/%C\nidentityagent none\n"
    "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n"
    "userknownhostsfile /root/.ssh/known_hosts /srv/the other\nrevokedhostkeys none\n"
    "stricthostkeychecking ask\nproxyusefdpass yes\n";

SshSettings Parsed(const std::string& told, const std::string& defaults = "") {
  HostConfig config;
  config.name = config.address = "nas";
  const auto settings = ParseSshSettings(told, defaults, config);
  REQUIRE(settings.has_value());
  return *settings;
}

}  // namespace

TEST_CASE("What ssh -G prints is what is done") {
  const SshSettings settings = Parsed(kTold, "ciphers aes256-ctr\nmacs hmac-sha2-256\n");
  CHECK(settings.hostname == "nas.example.org");
  CHECK(settings.port == 2222);
  CHECK(settings.user == "backup");
  CHECK(settings.address_family == AF_INET6);
  CHECK(settings.host_key_alias == "the_nas");
  CHECK(settings.KnownName() == "the_nas");
  CHECK(settings.KnownPort() == 22);
  CHECK(settings.identities_only);
  CHECK(settings.agent.empty());
  CHECK(settings.proxy_command.empty());
  CHECK(settings.revoked_host_keys.empty());
  CHECK(settings.identities == Words{"/keys/nas.example.org-backup-2222-nas-the_nas%"});
  CHECK(settings.user_known_hosts == Words{"/root/.ssh/known_hosts", "/srv/the other"});
  CHECK(settings.global_known_hosts ==
        Words{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
  CHECK(settings.ciphers == "aes128-ctr");
  CHECK_FALSE(settings.macs.has_value());  // OpenSSH's own
  CHECK(settings.key_exchanges == "curve25519-sha256");
  CHECK(settings.host_key_algorithms == "ssh-ed25519,rsa-sha2-512");
  CHECK(settings.asks_about_host_keys);
  CHECK(settings.proxy_passes_fd);
  CHECK_FALSE(Parsed("hostname x\nport 22\nstricthostkeychecking true\n").asks_about_host_keys);
}

// ssh -G prints them as they are written: no such file, and no host was let in.
TEST_CASE("The file of revoked keys is named as identities are") {
  const auto revoked = [](const std::string& name) {
    std::string told = kTold;
    const std::string line = "revokedhostkeys none\n";
    told.replace(told.find(line), line.size(), "revokedhostkeys " + name + "\n");
    return Parsed(told).revoked_host_keys;
  };
  const char* home = std::getenv("HOME");
  REQUIRE(home != nullptr);
  CHECK(revoked("/etc/revoked") == "/etc/revoked");
  CHECK(revoked("~/x-%h") == std::string(home) + "/x-nas.example.org");
  CHECK(revoked("%d/%r-%p-%n-%k%%") == std::string(home) + "/backup-2222-nas-the_nas%");
  CHECK(revoked("/srv/%i") == "/srv/" + std::to_string(::getuid()));
  CHECK(revoked("${HOME}/x") == std::string(home) + "/x");
  // Not that there is none.
  CHECK(revoked("~/x-%C") == "~/x-%C");
  CHECK(revoked("${NOT_SET}/x") == "${NOT_SET}/x");
}

TEST_CASE("What is no answer of ssh -G is none") {
  HostConfig config;
  for (const std::string told : {"", "\n", "hostname\n", "hostname x\n", "port 22\n",
                                 "hostname x\nport y\n", "hostname x\nport 70000\n"})
    CHECK_FALSE(ParseSshSettings(told, "", config).has_value());
  CHECK(Parsed("hostname x\nport 22\nuserknownhostsfile none\n").user_known_hosts.empty());
}

TEST_CASE("Jump hosts are ssh's own business, of which the last leads to the host") {
  const std::string begin = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes";
  CHECK(JumpCommand("relay", "") == begin + " -W '[%h]:%p' -- 'relay'");
  CHECK(JumpCommand("a,b@c:23,me@relay:2222", "/home/x/.ssh/config") ==
        begin +
            " -F '/home/x/.ssh/config' -J 'a,b@c:23' -W '[%h]:%p' -l 'me' -p '2222' -- 'relay'");
  CHECK(JumpCommand("me@[fe80::1]:2222", "") ==
        begin + " -W '[%h]:%p' -l 'me' -p '2222' -- 'fe80::1'");
  CHECK(JumpCommand("[fe80::1]", "") == begin + " -W '[%h]:%p' -- 'fe80::1'");
  CHECK(JumpCommand("ssh://me@relay:2222", "") == begin + " -W '[%h]:%p' -- 'ssh://me@relay:2222'");
}

TEST_CASE("A configuration means the same to an ssh that takes another home directory") {
  const std::string home = "/srv/home";
  const std::string text =
      "Host a\n"
      "  userknownhostsfile ~/.ssh/a \"~/.ssh/b\" /c\n"
      "Include conf.d/* ~/more /etc/more \"quoted\"\n"
      "IdentityAgent=~/agent\n"
      "IdentityFile ~/.ssh/key\n"
      "  # UserKnownHostsFile ~/x\n";
  const std::string expected =
      "Host a\n"
      "  userknownhostsfile /srv/home/.ssh/a \"/srv/home/.ssh/b\" /c\n"
      "Include /srv/home/.ssh/conf.d/* /srv/home/more /etc/more \"/srv/home/.ssh/quoted\"\n"
      "IdentityAgent=/srv/home/agent\n"
      "IdentityFile ~/.ssh/key\n"  // which -G leaves as it is
      "  # UserKnownHostsFile ~/x\n";
  const std::string changed = SshConfigForHome(text, home);
  CHECK(changed.starts_with(expected));
  CHECK(changed.find("\nUserKnownHostsFile /srv/home/.ssh/known_hosts ") != std::string::npos);
  // And ssh takes it.
  CommandOptions options;
  options.input = SshConfigForHome("Host a\n  Port 77\n", home);
  const std::string told = MustRun({"ssh", "-T", "-F", "/dev/stdin", "-G", "a"}, options);
  CHECK(told.find("\nport 77\n") != std::string::npos);
  CHECK(told.find("\nuserknownhostsfile /srv/home/.ssh/known_hosts "
                  "/srv/home/.ssh/known_hosts2\n") != std::string::npos);
}

TEST_CASE("Algorithms for the keys that are known go first, and no other is lost") {
  CHECK(PreferringTypes("ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256", {"ssh-rsa"}) ==
        "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,ecdsa-sha2-nistp256");
  CHECK(PreferringTypes("a,b,c", {"c", "b"}) == "b,c,a");
  CHECK(PreferringTypes("a,b", {}) == "a,b");
  CHECK(PreferringTypes("", {"a"}).empty());
}

#include "archiver/ssh/client/ssh_client_words.h"

#include <algorithm>
#include <cerrno>

#include "archiver/host/shell_quote.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"

using orcio::ErrorKind;
using orcio::HostConfig;
using orcio::SshByHand;
using orcio::SshClientWords;
using orcio::SshLoginError;
using orcio::SshSettings;
using orcio::test::MustRun;

namespace {

using Words = std::vector<std::string>;

HostConfig Host() {
  HostConfig config;
  config.name = "nas";
  config.address = "nas.example.org";
  return config;
}

Words WordsFor(const HostConfig& config, const SshSettings& settings = {},
               const std::string& config_file = "") {
  return SshClientWords(config, settings, {"/tmp/x/s", config_file}, std::chrono::seconds(15));
}

bool Has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What ssh makes of the words.
std::string Told(Words words) {
  words.insert(words.begin() + 1, "-G");
  return MustRun(words);
}

bool Tells(const std::string& told, const std::string& line) {
  INFO(told);
  return ("\n" + told).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("ssh takes the words and does nothing but log in") {
  const std::string told = Told(WordsFor(Host()));
  for (const std::string line :
       {"hostname nas.example.org", "batchmode yes", "controlmaster true", "controlpath /tmp/x/s",
        "controlpersist no", "clearallforwardings yes", "forwardagent no", "forwardx11 no",
        "tunnel false", "permitlocalcommand no", "requesttty false", "sessiontype none",
        "serveraliveinterval 5", "serveralivecountmax 2", "connecttimeout 20", "loglevel INFO",
        "updatehostkeys false", "forkafterauthentication no"})
    CHECK(Tells(told, line));
  CHECK(told.find("\nciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,") != std::string::npos);
  CHECK(told.find("remotecommand") == std::string::npos);
}

TEST_CASE("Whether unknown host keys are taken is for ssh's own configuration to say") {
  for (const auto& word : WordsFor(Host())) CHECK(word.find("StrictHostKey") == std::string::npos);
  SshSettings settings;
  settings.asks_about_host_keys = true;  // nobody is there to answer
  CHECK(Has(WordsFor(Host(), settings), "StrictHostKeyChecking=yes"));
}

TEST_CASE("Ciphers that somebody has chosen stay") {
  SshSettings settings;
  settings.ciphers = "aes128-ctr";
  for (const auto& word : WordsFor(Host(), settings)) CHECK_FALSE(word.starts_with("Ciphers="));
}

TEST_CASE("What the configuration of orcio says goes before, whatever a file is called") {
  HostConfig config = Host();
  config.port = 2222;
  config.user = "backup";
  config.identity = "/keys/a b%h\"c\\d";
  config.known_hosts = "/k/known hosts %%";
  config.proxy_command = "nc \"%h\" %p";
  config.connect_timeout = std::chrono::seconds(7);
  const std::string told = Told(WordsFor(config));
  CHECK(Tells(told, "port 2222"));
  CHECK(Tells(told, "user backup"));
  CHECK(Tells(told, "identityfile /keys/a b%%h\"c\\d"));  // which ssh expands later
  CHECK(Tells(told, "userknownhostsfile /k/known hosts %%"));
  CHECK(Tells(told, "proxycommand nc \"%h\" %p"));
  CHECK(Tells(told, "connecttimeout 7"));
}

TEST_CASE("An administrator can type what ssh was told") {
  HostConfig config = Host();
  config.port = 2222;
  config.user = "backup";
  config.known_hosts = "/k/known hosts";
  const std::string by_hand = SshByHand(config);
  CHECK(by_hand.starts_with("ssh -o "));
  CHECK(by_hand.ends_with(" -o Port=2222 -o User=backup -- nas.example.org true"));
  const std::string told = MustRun({"sh", "-c", "ssh -G" + by_hand.substr(3)});
  CHECK(Tells(told, "userknownhostsfile /k/known hosts"));
}

TEST_CASE("What ssh says of a login that failed decides what it was") {
  const auto error = [](const std::string& said) { return SshLoginError(Host(), said); };
  const auto refused = error("root@nas: Permission denied (publickey).\r\n");
  CHECK(refused.kind == ErrorKind::kRefused);
  CHECK(refused.message.find("host nas: ssh is not let in: root@nas: Permission denied "
                             "(publickey). Append ") != std::string::npos);
  CHECK(refused.message.find("authorized_keys") != std::string::npos);
  const auto unknown = error("Host key verification failed.\r\n");
  CHECK(unknown.kind == ErrorKind::kRefused);
  CHECK(unknown.message.find("host key is unknown") != std::string::npos);
  CHECK(unknown.message.find("failed. Compare ") != std::string::npos);
  const auto changed = error(
      "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in "
      "/k:1\r\nHost key verification failed.\r\n");
  CHECK(changed.kind == ErrorKind::kRefused);
  CHECK(changed.message.find("THE HOST KEY HAS CHANGED") != std::string::npos);
  CHECK(error("ssh: connect to host nas port 22: Connection refused\r\n").errnum == ECONNREFUSED);
  CHECK(error("ssh: connect to host nas port 22: Connection timed out\r\n").errnum == ETIMEDOUT);
  const auto away = error("ssh: Could not resolve hostname nas: \x1b[31mno\n");
  CHECK(away.kind == ErrorKind::kNetwork);
  CHECK(away.message.find("\\x1b[31mno") != std::string::npos);
  CHECK(error("").kind == ErrorKind::kNetwork);
}

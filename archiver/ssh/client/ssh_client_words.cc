#include "archiver/ssh/client/ssh_client_words.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

// Asked for before OpenSSH's own choices, if nobody has made another: several times as fast.
constexpr const char* kFastCiphers = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com";

// The last of what ssh says: what a proxy command complained of comes before its own words.
constexpr size_t kLinesSaid = 5;

// ssh sends as many questions in a silence, and gives the last one as long for its answer.
constexpr int kUnansweredQuestions = 2;

// A file's name as a value in ssh_config(5), which knows quotes and tokens.
std::string FileValue(const std::filesystem::path& path) {
  std::string value = "\"";
  for (const char c : ExpandHome(path.string())) {
    if (c == '"' || c == '\\') value += '\\';
    if (c == '%') value += '%';
    value += c;
  }
  return value + '"';
}

class Words {
 public:
  void Add(std::string word) { words_.push_back(std::move(word)); }
  void Option(const std::string& key, const std::string& value) {
    Add("-o");
    Add(key + "=" + value);
  }
  // How to get there, as far as orcio's configuration says it.
  void Way(const HostConfig& config) {
    if (config.known_hosts) Option("UserKnownHostsFile", FileValue(*config.known_hosts));
    if (config.proxy_command) Option("ProxyCommand", *config.proxy_command);
    if (config.identity) Option("IdentityFile", FileValue(*config.identity));
    if (config.port) Option("Port", std::to_string(*config.port));
    if (config.user) Option("User", *config.user);
    Add("--");
    Add(config.address);
  }
  [[nodiscard]] std::vector<std::string> Take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

// What orcio does not do, whatever the configuration of OpenSSH has.
void Forbid(Words& words) {
  constexpr std::array<std::pair<const char*, const char*>, 14> kFixed{{
      {"BatchMode", "yes"},
      {"ControlPersist", "no"},
      {"ClearAllForwardings", "yes"},
      {"ForwardAgent", "no"},
      {"ForwardX11", "no"},
      {"Tunnel", "no"},
      {"PermitLocalCommand", "no"},
      {"RemoteCommand", "none"},
      {"ForkAfterAuthentication", "no"},
      {"StdinNull", "no"},
      {"RequestTTY", "no"},
      {"EscapeChar", "none"},
      {"UpdateHostKeys", "no"},  // known_hosts is the administrator's
      {"LogLevel", "INFO"},      // its reasons, and no more
  }};
  for (const auto& [key, value] : kFixed) words.Option(key, value);
}

// If ssh looks for keys in another home than orcio's.
void NameIdentities(Words& words, const SshSettings& settings) {
  std::error_code error;
  for (const auto& file : settings.identities.value_or(std::vector<std::string>{})) {
    if (std::filesystem::exists(file, error)) words.Option("IdentityFile", FileValue(file));
  }
}

bool Holds(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

// What a message begins with, and what it ends with.
struct Verdict {
  ErrorKind kind = ErrorKind::kNetwork;
  int errnum = 0;
  std::string begin = "ssh does not get there";
  std::string advice = {};
};

Verdict JudgeLogin(const HostConfig& config, std::string_view said) {
  const std::string by_hand = "`" + SshByHand(config) + "`";
  if (Holds(said, "REVOKED HOST KEY"))
    return {ErrorKind::kRefused, 0, "THE HOST KEY IS REVOKED",
            "Whoever has that key can pose as the host. Have new keys made there"};
  if (Holds(said, "IDENTIFICATION HAS CHANGED"))
    return {ErrorKind::kRefused, 0, "THE HOST KEY HAS CHANGED",
            "Somebody may be listening in, or the host was installed anew. Find out which before "
            "you touch known_hosts"};
  if (Holds(said, "Host key verification failed") || Holds(said, "host key is known"))
    return {ErrorKind::kRefused, 0, "its host key is unknown to ssh, or not good enough",
            "Compare its fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*.pub "
            "there); if it is right, accept it by hand: " +
                by_hand};
  if (Holds(said, "Permission denied (") || Holds(said, "Too many authentication failures"))
    return {ErrorKind::kRefused, 0, "ssh is not let in",
            "Append the public key to authorized_keys on the host, or name another one by "
            "`identity`; by hand, it is " +
                by_hand};
  if (Holds(said, "no matching"))
    return {ErrorKind::kRefused, 0, "the host refuses ssh", "By hand, it is " + by_hand};
  if (Holds(said, "Connection refused")) return {ErrorKind::kNetwork, ECONNREFUSED};
  if (Holds(said, "timed out")) return {ErrorKind::kNetwork, ETIMEDOUT};
  return {};
}

// What ssh says is mostly sentences, each with its full stop: here another one follows.
void GoOn(std::string& message, const std::string& sentence) {
  message.erase(message.find_last_not_of(" .") + 1);
  message += ". " + sentence;
}

}  // namespace

std::vector<std::string> SshClientWords(const HostConfig& config, const SshSettings& settings,
                                        const SshClientPlaces& places,
                                        std::chrono::seconds dead_link_timeout) {
  Words words;
  words.Add("ssh");
  if (!places.config_file.empty()) {
    words.Add("-F");
    words.Add(places.config_file);
  }
  for (const char* word : {"-M", "-N", "-T", "-S"}) words.Add(word);
  words.Add(places.socket);
  Forbid(words);
  // Nobody is here to be asked, and told that it need not try, ssh says why it takes no key.
  if (settings.asks_about_host_keys) words.Option("StrictHostKeyChecking", "yes");
  const auto interval =
      std::max<int64_t>(1, dead_link_timeout.count() / (kUnansweredQuestions + 1));
  words.Option("ServerAliveInterval", std::to_string(interval));
  words.Option("ServerAliveCountMax", std::to_string(kUnansweredQuestions));
  words.Option("ConnectTimeout", std::to_string(config.connect_timeout.count()));
  if (!settings.ciphers) words.Option("Ciphers", kFastCiphers);
  if (!places.config_file.empty() && !config.identity) NameIdentities(words, settings);
  words.Way(config);
  return words.Take();
}

std::string SshByHand(const HostConfig& config) {
  Words words;
  words.Way(config);
  std::string line = "ssh";
  for (const auto& word : words.Take()) {
    const bool plain = word.find_first_of(" \"'\\$`%*?&|;<>()!~#\t") == std::string::npos;
    line += " " + (plain ? word : ShellQuote(word));
  }
  return line + " true";
}

Error SshLoginError(const HostConfig& config, std::string_view said) {
  Verdict verdict = JudgeLogin(config, said);
  std::string message =
      fmt::format("host {}: {}: {}", config.name, verdict.begin, Excerpt(said, kLinesSaid));
  if (!verdict.advice.empty()) GoOn(message, verdict.advice);
  return {verdict.kind, verdict.errnum, std::move(message)};
}

}  // namespace orcio::inline archiver

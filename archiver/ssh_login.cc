#include "archiver/ssh_login.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "archiver/known_hosts.h"
#include "archiver/shell_quote.h"

namespace orcio {
namespace {

std::string FileOption(ssh_session session, ssh_options_e option, const char* otherwise) {
  char* file = nullptr;
  if (ssh_options_get(session, option, &file) != SSH_OK) return otherwise;
  const SshString owned(file);
  return owned.get();
}

// "ed25519 key SHA256:..."
std::string Describe(ssh_key key) {
  unsigned char* digest = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &digest, &size) != 0) return "key";
  const SshString text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, digest, size));
  ssh_clean_pubkey_hash(&digest);
  return fmt::format("{} key {}", ssh_key_type_to_char(ssh_key_type(key)),
                     text ? text.get() : "of unknown fingerprint");
}

// As known_hosts names it.
std::string HostPattern(const SshEndpoint& endpoint) {
  return KnownHostsName(endpoint.address, endpoint.port);
}

std::string HowToAccept(const SshEndpoint& endpoint, const std::string& file) {
  if (endpoint.proxy_command.empty())
    return fmt::format("ssh-keyscan -p {} {} >> {}", endpoint.port, ShellQuote(endpoint.address),
                       ShellQuote(file));
  return fmt::format("ssh -o ProxyCommand={} -o UserKnownHostsFile={} -p {} {}@{} true",
                     ShellQuote(endpoint.proxy_command), ShellQuote(file), endpoint.port,
                     endpoint.user, ShellQuote(endpoint.address));
}

constexpr std::string_view kCompare =
    "Compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*.pub there); "
    "if it is right";

// Why the host's key is not good enough, and what to do. `key` describes it, and `file` is where an
// administrator would put another.
std::string HostKeyObjection(const HostKeyJudgement& judgement, const SshEndpoint& endpoint,
                             const std::string& key, const std::string& file,
                             const KnownHosts& known) {
  const std::string host = HostPattern(endpoint);
  const std::string accept = HowToAccept(endpoint, file);
  const std::string line = fmt::format("{} line {}", judgement.file, judgement.line);
  switch (judgement.standing) {
    case HostKeyStanding::kRevoked:
      return fmt::format(
          "THE HOST KEY OF {} IS REVOKED: it shows the {}, which {} marks as @revoked. Whoever has "
          "that key can pose as the host. Have new keys made there, and add those to {}",
          host, key, line, file);
    case HostKeyStanding::kChanged:
      return fmt::format(
          "THE HOST KEY OF {} HAS CHANGED: it shows the {}, and {} knows another. Somebody may be "
          "listening in, or the host was installed anew. Find out which. Only if the new key is "
          "right: ssh-keygen -f {} -R {} and then {}",
          host, key, line, ShellQuote(judgement.file), ShellQuote(host), accept);
    case HostKeyStanding::kOtherType:
      return fmt::format(
          "{} shows the {}, and {} knows only keys of other types for it, which the host no longer "
          "has. Somebody may be listening in. {}: {}",
          host, key, judgement.file, kCompare, accept);
    case HostKeyStanding::kAuthorityOnly:
      return fmt::format(
          "{} is known by a certificate authority alone ({}), and orcio does not know host "
          "certificates: the key itself has to be there. It shows the {}. {}: {}",
          host, line, key, kCompare, accept);
    default:
      break;
  }
  const auto& files = known.files();
  const bool listed = std::ranges::find(files, file) != files.end();
  return fmt::format("the key of {} is unknown: it shows the {}, which is not in {}{}{}. {}: {}",
                     host, key, listed ? "" : file + (files.empty() ? "" : ", "),
                     fmt::join(files, ", "),
                     known.unreadable().empty()
                         ? ""
                         : fmt::format(" (cannot read {})", fmt::join(known.unreadable(), ", ")),
                     kCompare, accept);
}

class KeyLogin {
 public:
  KeyLogin(SshSession& session, const Patience& patience)
      : session_(session), patience_(patience) {}

  Result<bool> WithIdentity(const std::string& file);
  Result<bool> WithAgent();
  Result<bool> WithDefaults();
  [[nodiscard]] Failure Refused() const;

 private:
  template <class Call>
  Result<bool> Try(Call call);
  void Tried(const std::string& what);

  SshSession& session_;
  const Patience& patience_;
  std::vector<std::string> tried_;
  std::vector<std::string> locked_;  // identities that want a passphrase
};

void KeyLogin::Tried(const std::string& what) {
  auto& list = session_.PassphraseWanted() ? locked_ : tried_;
  if (list.empty() || list.back() != what) list.push_back(what);
}

template <class Call>
Result<bool> KeyLogin::Try(Call call) {
  const int answer = ORCIO_TRY(Until(session_, patience_, SSH_AUTH_AGAIN, call));
  if (answer == SSH_AUTH_ERROR && ssh_is_connected(session_.get()) == 0)
    return session_.Broken("the login failed");
  if (answer == SSH_AUTH_PARTIAL) tried_.emplace_back("a key that is not enough alone");
  return answer == SSH_AUTH_SUCCESS;
}

Result<bool> KeyLogin::WithIdentity(const std::string& file) {
  ssh_key read = nullptr;
  const int answer = session_.ReadKey(file, read);
  const SshKeyHandle key(read);
  if (session_.PassphraseWanted()) {
    locked_.push_back(file);
    return false;
  }
  if (answer != SSH_OK)
    return Fail(ErrorKind::kInvalid, "host {}: the identity {} {}", session_.host(), file,
                answer == SSH_EOF ? "cannot be read" : "is not a private key");
  tried_.push_back(fmt::format("{} ({})", file, Describe(key.get())));
  return Try([&] { return ssh_userauth_publickey(session_.get(), nullptr, key.get()); });
}

Result<bool> KeyLogin::WithAgent() {
  if (std::getenv("SSH_AUTH_SOCK") != nullptr) tried_.emplace_back("the agent's keys");
  return Try([&] { return ssh_userauth_agent(session_.get(), nullptr); });
}

// The agent, then the identities of ~/.ssh/config, then ~/.ssh/id_*. libssh lists them only while
// it goes through them.
Result<bool> KeyLogin::WithDefaults() {
  if (std::getenv("SSH_AUTH_SOCK") != nullptr) tried_.emplace_back("the agent's keys");
  return Try([&] {
    const int answer = ssh_userauth_publickey_auto(session_.get(), nullptr, nullptr);
    char* identity = nullptr;
    if (ssh_userauth_publickey_auto_get_current_identity(session_.get(), &identity) == SSH_OK)
      Tried(SshString(identity).get());
    return answer;
  });
}

Failure KeyLogin::Refused() const {
  const auto& endpoint = session_.endpoint();
  const auto& named = tried_.empty() ? std::vector<std::string>{"no key at all"} : tried_;
  std::string message =
      fmt::format("host {}: {} does not let user {} in; tried: {}.", session_.host(),
                  endpoint.address, endpoint.user, fmt::join(named, ", "));
  for (const auto& file : locked_) {
    message += fmt::format(
        " {} is protected by a passphrase, which nobody is here to type: load it into an agent "
        "(ssh-add), or use a key without one for this host.",
        file);
  }
  message += fmt::format(
      " Append the public key to ~{}/.ssh/authorized_keys on the host, or name another one by "
      "`identity`.",
      endpoint.user);
  return Failure(Error{ErrorKind::kRefused, 0, std::move(message)});
}

}  // namespace

std::string ExpandHome(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !path.starts_with("~/")) return path;
  return home + path.substr(1);
}

Result<void> CheckHostKey(const SshSession& session) {
  ssh_key shown = nullptr;
  if (ssh_get_server_publickey(session.get(), &shown) != SSH_OK)
    return session.Broken("it has shown no key");
  const SshKeyHandle key(shown);
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK)
    return session.Broken("it has shown a key that cannot be read");
  const SshString base64(text);
  const auto& endpoint = session.endpoint();
  const std::string file = FileOption(session.get(), SSH_OPTIONS_KNOWNHOSTS, "~/.ssh/known_hosts");
  KnownHosts known(endpoint.address, endpoint.port);
  known.AddFile(file);
  known.AddFile(
      FileOption(session.get(), SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/etc/ssh/ssh_known_hosts"));
  const auto judgement = known.Judge(base64.get());
  if (judgement.standing == HostKeyStanding::kKnown) return {};
  return Fail(ErrorKind::kRefused, "host {}: {}", session.host(),
              HostKeyObjection(judgement, endpoint, Describe(key.get()), file, known));
}

// A configured identity goes before the agent's keys: sshd ends a connection after a few keys that
// it does not know, and agents may hold many.
Result<void> LogIn(SshSession& session, const HostConfig& config, const Patience& patience) {
  KeyLogin login(session, patience);
  bool in = false;
  if (config.identity) {
    in = ORCIO_TRY(login.WithIdentity(ExpandHome(config.identity->string())));
    if (!in) in = ORCIO_TRY(login.WithAgent());
  } else {
    in = ORCIO_TRY(login.WithDefaults());
  }
  if (!in) return login.Refused();
  return {};
}

}  // namespace orcio

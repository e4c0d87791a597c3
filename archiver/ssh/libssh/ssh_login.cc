#include "archiver/ssh/libssh/ssh_login.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "archiver/ssh/libssh/ssh_agent.h"
#include "archiver/ssh/libssh/ssh_host_key.h"
#include "base/text/base64.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

// A file that ssh would take a key from, and its public half if one can be read.
struct Identity {
  std::string file;
  std::string key;  // in base64
  bool in_agent = false;
};

// From FILE.pub, or FILE itself, which is a public key if an agent or a token has the private
// one.
std::string PublicHalf(const std::string& file) {
  for (const std::string& name : {file + ".pub", file}) {
    ssh_key read = nullptr;
    const int answer = ssh_pki_import_pubkey_file(name.c_str(), &read);
    const SshKeyHandle key(read);
    char* text = nullptr;
    if (answer != SSH_OK || ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK) continue;
    const SshString base64(text);
    return base64.get();
  }
  return {};
}

// "ssh-ed25519 key SHA256:...", or nothing for a key of a kind that libssh does not know.
std::optional<std::string> DescribeBlob(const std::string& base64) {
  for (const auto type :
       {SSH_KEYTYPE_ED25519, SSH_KEYTYPE_RSA, SSH_KEYTYPE_ECDSA_P256, SSH_KEYTYPE_ECDSA_P384,
        SSH_KEYTYPE_ECDSA_P521, SSH_KEYTYPE_SK_ED25519, SSH_KEYTYPE_SK_ECDSA}) {
    ssh_key read = nullptr;
    if (ssh_pki_import_pubkey_base64(base64.c_str(), type, &read) != SSH_OK) continue;
    const SshKeyHandle key(read);
    if (ssh_key_type(key.get()) == type) return DescribeKey(key.get());
  }
  return std::nullopt;
}

class KeyLogin {
 public:
  KeyLogin(SshSession& session, const Patience& patience)
      : session_(session), patience_(patience), agent_(session.settings().agent, patience) {}

  // By the one identity that the configuration names, else as OpenSSH goes about it.
  Result<bool> WithKeys(const std::optional<std::string>& named);
  // As libssh goes about it.
  Result<bool> WithDefaults();
  [[nodiscard]] Failure Refused() const;

 private:
  template <class Call>
  Result<bool> Try(Call call);
  void Tried(const std::string& what);
  Result<bool> WithIdentity(const std::string& file);
  Result<bool> WithIdentityIfThere(const std::string& file);
  Result<bool> WithAgentKeys(const std::vector<SshAgent::Key>& keys);
  [[nodiscard]] std::vector<SshAgent::Key> KeysOf(std::vector<Identity>& identities);
  [[nodiscard]] std::vector<SshAgent::Key> OtherKeys(const std::vector<Identity>& identities) const;
  [[nodiscard]] Failure Explained(Error error) const;

  SshSession& session_;
  const Patience& patience_;
  SshAgent agent_;
  bool agent_line_ = false;  // libssh has it
  std::vector<std::string> tried_;
  std::vector<std::string> locked_;  // identities that want a passphrase
  std::vector<std::string> missing_;
};

void KeyLogin::Tried(const std::string& what) {
  auto& list = session_.PassphraseWanted() ? locked_ : tried_;
  if (list.empty() || list.back() != what) list.push_back(what);
}

// sshd hangs up on who offers it too many keys.
Failure KeyLogin::Explained(Error error) const {
  if (error.message.find("Too many authentication failures") != std::string::npos)
    error.message += fmt::format(
        "; tried: {}. Name the right key by `identity`, or by IdentityFile and `IdentitiesOnly "
        "yes` in ~/.ssh/config",
        fmt::join(tried_, ", "));
  return Failure(std::move(error));
}

template <class Call>
Result<bool> KeyLogin::Try(Call call) {
  auto done = Until(session_, patience_, SSH_AUTH_AGAIN, call);
  if (!done) return Explained(std::move(done).error());
  if (*done == SSH_AUTH_ERROR && ssh_is_connected(session_.get()) == 0)
    return Explained(session_.Broken("the login failed").value());
  if (*done == SSH_AUTH_PARTIAL) tried_.emplace_back("a key that is not enough alone");
  return *done == SSH_AUTH_SUCCESS;
}

Result<bool> KeyLogin::WithIdentity(const std::string& file) {
  ssh_key read = nullptr;
  errno = 0;
  const int answer = session_.ReadKey(file, read);
  const int why = errno;
  const SshKeyHandle key(read);
  if (session_.PassphraseWanted()) {
    locked_.push_back(file);
    return false;
  }
  if (answer != SSH_OK)
    return Fail(ErrorKind::kInvalid, "host {}: the identity {} {}", session_.host(), file,
                answer == SSH_EOF
                    ? "cannot be read: " + std::generic_category().message(why == 0 ? EIO : why)
                    : "is not a private key");
  tried_.push_back(fmt::format("{} ({})", file, DescribeKey(key.get())));
  return Try([&] { return ssh_userauth_publickey(session_.get(), nullptr, key.get()); });
}

// Most of those that ssh would look for are not there.
Result<bool> KeyLogin::WithIdentityIfThere(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    missing_.push_back(file);
    return false;
  }
  auto in = WithIdentity(file);
  if (in || in.error().kind != ErrorKind::kInvalid) return in;
  tried_.push_back(file + " (which is no private key, or cannot be read)");
  return false;
}

Result<bool> KeyLogin::WithAgentKeys(const std::vector<SshAgent::Key>& keys) {
  // libssh stops at the first key whose kind it does not know.
  std::vector<SshAgent::Key> known;
  for (const auto& key : keys) {
    const auto description = DescribeBlob(Base64(key.blob));
    if (!description) continue;
    known.push_back(key);
    tried_.push_back(fmt::format("the agent's {} ({})", SafeText(key.comment), *description));
  }
  if (known.empty()) return false;
  if (!agent_line_) {
    const socket_t line = ORCIO_TRY(agent_.OpenLine()).Release();  // libssh closes it
    if (ssh_set_agent_socket(session_.get(), line) != SSH_OK)
      return session_.Broken("the agent cannot be used");
    agent_line_ = true;
  }
  agent_.Offer(std::move(known));
  return Try([&] { return ssh_userauth_agent(session_.get(), nullptr); });
}

// Those of the agent's keys that are these identities', in their order.
std::vector<SshAgent::Key> KeyLogin::KeysOf(std::vector<Identity>& identities) {
  std::vector<SshAgent::Key> keys;
  for (auto& identity : identities) {
    for (const auto& key : agent_.keys()) {
      if (identity.key.empty() || Base64(key.blob) != identity.key) continue;
      identity.in_agent = true;
      keys.push_back(key);
      break;
    }
  }
  return keys;
}

std::vector<SshAgent::Key> KeyLogin::OtherKeys(const std::vector<Identity>& identities) const {
  std::vector<SshAgent::Key> others;
  for (const auto& key : agent_.keys()) {
    const auto is_its = [&](const Identity& identity) { return identity.key == Base64(key.blob); };
    if (std::none_of(identities.begin(), identities.end(), is_its)) others.push_back(key);
  }
  return others;
}

// OpenSSH tries the agent's other keys before files. If the configuration names a key, that goes
// first: sshd ends a connection after a few keys that it does not know, and agents may hold many.
Result<bool> KeyLogin::WithKeys(const std::optional<std::string>& named) {
  const auto& settings = session_.settings();
  std::vector<Identity> identities;
  const auto files = named ? std::vector<std::string>{*named}
                           : settings.identities.value_or(std::vector<std::string>{});
  identities.reserve(files.size());
  for (const auto& file : files) identities.push_back({file, PublicHalf(file)});
  if (ORCIO_TRY(WithAgentKeys(KeysOf(identities)))) return true;
  if (named && !identities.front().in_agent) {
    if (ORCIO_TRY(WithIdentity(*named))) return true;
  }
  if (!settings.identities_only) {
    if (ORCIO_TRY(WithAgentKeys(OtherKeys(identities)))) return true;
  }
  if (named) return false;
  for (const auto& identity : identities) {
    if (identity.in_agent) continue;
    if (ORCIO_TRY(WithIdentityIfThere(identity.file))) return true;
  }
  return false;
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
  const auto& settings = session_.settings();
  std::string tried = fmt::format("{}", fmt::join(tried_, ", "));
  if (tried_.empty() && missing_.empty()) tried = "no key at all";
  if (tried_.empty() && !missing_.empty())
    tried = fmt::format("no key at all, as there is no {}", fmt::join(missing_, ", "));
  std::string message = fmt::format("host {}: {} does not let user {} in; tried: {}.",
                                    session_.host(), settings.hostname, settings.user, tried);
  for (const auto& file : locked_) {
    message += fmt::format(
        " {} is protected by a passphrase, which nobody is here to type: load it into an agent "
        "(ssh-add), or use a key without one for this host.",
        file);
  }
  message += fmt::format(
      " Append the public key to ~{}/.ssh/authorized_keys on the host, or name another one by "
      "`identity`.",
      settings.user);
  return Failure(Error{ErrorKind::kRefused, 0, std::move(message)});
}

}  // namespace

Result<void> LogIn(SshSession& session, const HostConfig& config, const Patience& patience) {
  KeyLogin login(session, patience);
  const bool libssh_alone = !config.identity && !session.settings().identities;
  std::optional<std::string> named;
  if (config.identity) named = ExpandHome(config.identity->string());
  if (!ORCIO_TRY(libssh_alone ? login.WithDefaults() : login.WithKeys(named)))
    return login.Refused();
  return {};
}

}  // namespace orcio::inline archiver

#include "archiver/ssh/libssh/ssh_options.h"

#include <algorithm>
#include <cstdlib>

#include "archiver/ssh/libssh/ssh_session.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// AES-GCM is several times as fast as the ciphers that OpenSSH and libssh prefer.
constexpr const char* kCiphers =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,"
    "aes256-ctr,aes192-ctr,aes128-ctr";

std::string OptionOf(ssh_session session, ssh_options_e option) {
  char* value = nullptr;
  if (ssh_options_get(session, option, &value) != SSH_OK) return {};
  const SshString owned(value);
  return owned.get();
}

// The tokens that ssh_config(5) allows in ProxyCommand.
std::string ExpandProxyCommand(const std::string& command, const SshSettings& settings,
                               const std::string& original) {
  std::string expanded;
  for (size_t i = 0; i < command.size(); ++i) {
    if (command[i] != '%' || i + 1 == command.size()) {
      expanded += command[i];
      continue;
    }
    switch (command[++i]) {
      case 'h':
        expanded += settings.hostname;
        break;
      case 'k':
        expanded += settings.host_key_alias.empty() ? original : settings.host_key_alias;
        break;
      case 'n':
        expanded += original;
        break;
      case 'p':
        expanded += std::to_string(settings.port);
        break;
      case 'r':
        expanded += settings.user;
        break;
      case '%':
        expanded += '%';
        break;
      default:
        expanded += '%';
        expanded += command[i];
    }
  }
  return expanded;
}

// libssh writes to standard error if a LogLevel of ~/.ssh/config says so.
void IgnoreLog(int, const char*, const char*, void*) {}

void SetCiphers(ssh_session session, const char* ciphers) {
  ssh_options_set(session, SSH_OPTIONS_CIPHERS_C_S, ciphers);
  ssh_options_set(session, SSH_OPTIONS_CIPHERS_S_C, ciphers);
}

// What no configuration changes.
void SetForAll(ssh_session session) {
  const int strict = 1, silent = SSH_LOG_NOLOG;
  ssh_options_set(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict);
  ssh_options_set(session, SSH_OPTIONS_LOG_VERBOSITY, &silent);
  ssh_options_set(session, SSH_OPTIONS_COMPRESSION, "no");
  ssh_options_set(session, SSH_OPTIONS_PROXYCOMMAND, "none");  // SshSession::Dial does it
}

// Has libssh read ~/.ssh/config; what `config` says goes before.
Result<void> ReadSshConfig(ssh_session session, const HostConfig& config) {
  // libssh asks the password database for the home directory; everything else goes by HOME.
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/')
    ssh_options_set(session, SSH_OPTIONS_SSH_DIR, (std::string(home) + "/.ssh").c_str());
  SetCiphers(session, kCiphers);
  ssh_options_set(session, SSH_OPTIONS_HOST, config.address.c_str());
  // Early, for `Match user`; User is the one key that libssh does not overrule what is set with.
  if (config.user) ssh_options_set(session, SSH_OPTIONS_USER, config.user->c_str());
  if (ssh_options_parse_config(session, nullptr) != SSH_OK)
    return Fail(ErrorKind::kInvalid,
                "host {}: ~/.ssh/config or /etc/ssh/ssh_config: {}; with OpenSSH's client "
                "installed, what that makes of them counts",
                config.name, ssh_get_error(session));
  if (config.port) {
    const unsigned port = *config.port;
    ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  }
  if (config.known_hosts) {
    std::string escaped;  // libssh expands tokens in it
    for (const char c : ExpandHome(config.known_hosts->string()))
      escaped += c == '%' ? "%%" : std::string(1, c);
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, escaped.c_str());
  }
  if (OptionOf(session, SSH_OPTIONS_USER).empty())
    ssh_options_set(session, SSH_OPTIONS_USER, nullptr);  // whoever runs this
  return {};
}

// As the session has them by now, and the usual files if it names none.
SshSettings SettingsOf(ssh_session session) {
  SshSettings settings;
  unsigned port = 0;
  ssh_options_get_port(session, &port);
  settings.hostname = OptionOf(session, SSH_OPTIONS_HOST);
  settings.port = static_cast<uint16_t>(port);
  settings.user = OptionOf(session, SSH_OPTIONS_USER);
  settings.proxy_command = OptionOf(session, SSH_OPTIONS_PROXYCOMMAND);
  const auto known = [&](ssh_options_e option, const char* otherwise) {
    const std::string file = OptionOf(session, option);
    return std::vector<std::string>{ExpandHome(file.empty() ? otherwise : file)};
  };
  settings.user_known_hosts = known(SSH_OPTIONS_KNOWNHOSTS, "~/.ssh/known_hosts");
  settings.global_known_hosts = known(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/etc/ssh/ssh_known_hosts");
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  settings.agent = agent == nullptr ? "" : agent;
  return settings;
}

// If this machine has no ssh.
Result<SshSettings> SettingsByLibssh(ssh_session session, const HostConfig& config) {
  ORCIO_TRY(ReadSshConfig(session, config));
  return SettingsOf(session);
}

Failure NotForLibssh(const HostConfig& config, const char* key, const std::string& value) {
  return Fail(ErrorKind::kInvalid,
              "host {}: nothing that {} in ~/.ssh/config or /etc/ssh/ssh_config has ({}) is known "
              "to libssh {}; `transport: ssh` for the host has OpenSSH's client do it",
              config.name, key, value, ssh_version(0));
}

Result<void> SetList(ssh_session session, const HostConfig& config,
                     const std::vector<ssh_options_e>& options, const char* key,
                     const std::optional<std::string>& list) {
  if (!list) return {};
  for (const auto option : options) {
    if (ssh_options_set(session, option, list->c_str()) != SSH_OK)
      return NotForLibssh(config, key, *list);
  }
  return {};
}

// libssh reads no file then, and what it would do with the host's name is done elsewhere.
Result<void> GiveToLibssh(ssh_session session, const HostConfig& config,
                          const SshSettings& settings) {
  const bool read_files = false;
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &read_files);
  // It refuses names that have a `_`, and needs none: it is given a connection.
  if (ssh_options_set(session, SSH_OPTIONS_HOST, settings.hostname.c_str()) != SSH_OK)
    ssh_options_set(session, SSH_OPTIONS_HOST, "host");
  ssh_options_set(session, SSH_OPTIONS_USER, settings.user.c_str());
  ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
  ssh_options_set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  SetCiphers(session, kCiphers);
  ORCIO_TRY(SetList(session, config, {SSH_OPTIONS_CIPHERS_C_S, SSH_OPTIONS_CIPHERS_S_C}, "Ciphers",
                    settings.ciphers));
  ORCIO_TRY(SetList(session, config, {SSH_OPTIONS_HMAC_C_S, SSH_OPTIONS_HMAC_S_C}, "MACs",
                    settings.macs));
  ORCIO_TRY(SetList(session, config, {SSH_OPTIONS_KEY_EXCHANGE}, "KexAlgorithms",
                    settings.key_exchanges));
  ORCIO_TRY(SetList(session, config, {SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES},
                    "PubkeyAcceptedAlgorithms", settings.key_algorithms));
  return SetList(
      session, config, {SSH_OPTIONS_HOSTKEYS}, "HostKeyAlgorithms",
      PreferringTypes(settings.host_key_algorithms, ReadKnownHosts(settings).KeyTypes()));
}

}  // namespace

std::string PreferringTypes(const std::string& list, const std::vector<std::string>& types) {
  const auto known = [&](const std::string& algorithm) {
    const bool rsa = algorithm.starts_with("rsa-sha2-");  // RFC 8332: signatures of ssh-rsa keys
    return std::find(types.begin(), types.end(), rsa ? "ssh-rsa" : algorithm) != types.end();
  };
  auto algorithms = Split(list, ',');
  std::stable_partition(algorithms.begin(), algorithms.end(), known);
  return Join(algorithms, ",");
}

KnownHosts ReadKnownHosts(const SshSettings& settings) {
  KnownHosts known(settings.KnownName(), settings.KnownPort());
  for (const auto& file : settings.user_known_hosts) known.AddFile(file);
  for (const auto& file : settings.global_known_hosts) known.AddFile(file);
  return known;
}

Result<SshSettings> ConfigureSession(ssh_session session, const HostConfig& config,
                                     const Patience& patience) {
  ssh_set_log_callback(IgnoreLog);  // for this thread
  ssh_set_blocking(session, 0);
  auto told = ORCIO_TRY(AskOpenSsh(config, patience));
  SshSettings settings;
  if (told) {
    settings = std::move(*told);
  } else {
    settings = ORCIO_TRY(SettingsByLibssh(session, config));
  }
  if (settings.proxy_passes_fd && !settings.proxy_command.empty())
    return Fail(ErrorKind::kInvalid,
                "host {}: its ProxyUseFdpass is nothing that libssh can do: leave it out, and have "
                "the ProxyCommand pass the bytes; or set `transport: ssh` for the host",
                config.name);
  if (config.known_hosts) settings.user_known_hosts = {ExpandHome(config.known_hosts->string())};
  if (config.proxy_command) settings.proxy_command = *config.proxy_command;
  settings.proxy_command =
      settings.proxy_command == "none"
          ? ""
          : ExpandProxyCommand(settings.proxy_command, settings, config.address);
  if (told) ORCIO_TRY(GiveToLibssh(session, config, settings));
  SetForAll(session);
  return settings;
}

}  // namespace orcio::inline archiver

#include "archiver/ssh/libssh/ssh_host_key.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "archiver/host/shell_quote.h"
#include "archiver/ssh/libssh/ssh_options.h"
#include "archiver/ssh/way/known_hosts.h"

namespace orcio::inline archiver {
namespace {

// As known_hosts names it.
std::string HostPattern(const SshSettings& settings) {
  return KnownHostsName(settings.KnownName(), settings.KnownPort());
}

std::string HowToAccept(const SshSettings& settings, const std::string& file) {
  const std::string& alias = settings.host_key_alias;
  if (settings.proxy_command.empty())
    return fmt::format("ssh-keyscan -p {} {}{} >> {}", settings.port, ShellQuote(settings.hostname),
                       alias.empty() ? "" : " | sed " + ShellQuote("s/^[^ #]* /" + alias + " /"),
                       ShellQuote(file));
  return fmt::format("ssh -o ProxyCommand={} -o UserKnownHostsFile={}{} -p {} {}@{} true",
                     ShellQuote(settings.proxy_command), ShellQuote(file),
                     alias.empty() ? "" : " -o HostKeyAlias=" + ShellQuote(alias), settings.port,
                     settings.user, ShellQuote(settings.hostname));
}

constexpr std::string_view kCompare =
    "Compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*.pub there); "
    "if it is right";

// That nothing is known of the host, and how to `accept` its key; the rest as for HostKeyObjection.
std::string UnknownHostKey(const std::string& host, const std::string& key, const std::string& file,
                           const KnownHosts& known, const std::string& accept) {
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

// Why the host's key is not good enough, and what to do. `key` describes it, and `file` is where an
// administrator would put another.
std::string HostKeyObjection(const HostKeyJudgement& judgement, const SshSettings& settings,
                             const std::string& key, const std::string& file,
                             const KnownHosts& known) {
  const std::string host = HostPattern(settings);
  const std::string accept = HowToAccept(settings, file);
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
          "{} is known by a certificate authority alone ({}), and libssh does not know host "
          "certificates. Set `transport: ssh` for the host, which has OpenSSH's client check it. "
          "Or "
          "add the key itself: it shows the {}. {}: {}",
          host, line, key, kCompare, accept);
    default:
      return UnknownHostKey(host, key, file, known, accept);
  }
}

// Of a name with a token that was not made out.
std::string WhyNotThere(const std::string& file) {
  if (file.find('%') == std::string::npos && file.find("${") == std::string::npos) return {};
  return ": orcio does not know the tokens %C and %j there, nor a ${VARIABLE} that is not set: "
         "write "
         "the name out, or set `transport: ssh` for the host, as OpenSSH's client may";
}

// RevokedHostKeys: a list of keys, as ssh-keygen writes public ones, or a key revocation list,
// which nobody here reads: then, and if it is not there, no host is let in, as ssh has it.
Result<void> CheckRevokedKeys(const SshSession& session, const std::string& base64) {
  const std::string& file = session.settings().revoked_host_keys;
  if (file.empty()) return {};
  std::ifstream in(file, std::ios::binary);
  std::string line;
  size_t number = 0;
  while (std::getline(in, line)) {
    ++number;
    if (number == 1 && line.starts_with("SSHKRL"))
      return Fail(ErrorKind::kRefused,
                  "host {}: RevokedHostKeys {} is a key revocation list, which orcio cannot read: "
                  "make it a list of public keys, or mark them as @revoked in known_hosts; or set "
                  "`transport: ssh` for the host, as OpenSSH's client can",
                  session.host(), file);
    if (!line.starts_with('#') && line.find(base64) != std::string::npos)
      return Fail(ErrorKind::kRefused,
                  "host {}: THE HOST KEY OF {} IS REVOKED by {} line {}. Whoever has that key can "
                  "pose as the host. Have new keys made there",
                  session.host(), HostPattern(session.settings()), file, number);
  }
  if (!in.eof() || !in.is_open())
    return Fail(
        ErrorKind::kRefused,
        "host {}: RevokedHostKeys {} cannot be read, so that no host's key is good enough{}",
        session.host(), file, WhyNotThere(file));
  return {};
}

}  // namespace

std::string DescribeKey(ssh_key key) {
  unsigned char* digest = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &digest, &size) != 0) return "key";
  const SshString text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, digest, size));
  ssh_clean_pubkey_hash(&digest);
  return fmt::format("{} key {}", ssh_key_type_to_char(ssh_key_type(key)),
                     text ? text.get() : "of unknown fingerprint");
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
  const auto& settings = session.settings();
  const KnownHosts known = ReadKnownHosts(settings);
  const auto judgement = known.Judge(base64.get());
  if (judgement.standing == HostKeyStanding::kKnown) return CheckRevokedKeys(session, base64.get());
  const std::string file = settings.user_known_hosts.empty() ? ExpandHome("~/.ssh/known_hosts")
                                                             : settings.user_known_hosts.front();
  return Fail(ErrorKind::kRefused, "host {}: {}", session.host(),
              HostKeyObjection(judgement, settings, DescribeKey(key.get()), file, known));
}

}  // namespace orcio::inline archiver

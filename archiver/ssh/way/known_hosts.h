#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace orcio::inline archiver {

// What known_hosts files say of the key that a host shows; of two that are said, the later one here
// counts.
enum class HostKeyStanding {
  kUnknown,
  kAuthorityOnly,  // no key is known, but an authority (@cert-authority) that signs keys
  kOtherType,      // keys of other types are known
  kChanged,        // another key of its type is known
  kKnown,
  kRevoked,  // @revoked
};

struct HostKeyJudgement {
  HostKeyStanding standing = HostKeyStanding::kUnknown;
  std::string file;  // where the line that decided is; none for kUnknown
  size_t line = 0;
};

// As known_hosts files name a host: "[ADDRESS]:PORT" if the port is not 22.
[[nodiscard]] std::string KnownHostsName(std::string_view address, uint16_t port);

// What known_hosts files say about one host, as ssh(1) reads them (sshd(8), SSH_KNOWN_HOSTS FILE
// FORMAT): hashed names, patterns, negations and markers. A line that cannot be read is skipped,
// and if nothing is said about a host at its port, what is said about the host alone counts.
// libssh 0.10 knows no markers: to it, a revoked key is as good as any.
class KnownHosts {
 public:
  KnownHosts(std::string_view address, uint16_t port);

  // The lines of `text`; `file` is for judgements.
  void Add(std::string_view text, const std::string& file);
  // A file that is not there says nothing. One that cannot be read goes to unreadable().
  void AddFile(const std::filesystem::path& file);

  // `key` is a public key in base64, as it stands in these files after its type.
  [[nodiscard]] HostKeyJudgement Judge(std::string_view key) const;
  // Of the keys that are known, as "ssh-ed25519"; each once, in the order of the files.
  [[nodiscard]] std::vector<std::string> KeyTypes() const;

  // The files that were read, and "FILE: why" of those that could not be.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  enum class Marker { kNone, kRevoked, kAuthority };
  struct Entry {
    Marker marker;
    std::string blob;
    std::string file;
    size_t line;
  };
  struct Name {
    std::string name;
    std::vector<Entry> entries;
  };

  void AddLine(std::string_view line, const std::string& file, size_t number);
  [[nodiscard]] static HostKeyJudgement JudgeBy(const Name& name, std::string_view blob);

  std::vector<Name> names_;  // the host at its port, then the host alone
  std::vector<std::string> files_;
  std::vector<std::string> unreadable_;
};

}  // namespace orcio::inline archiver

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "base/unique_fd.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A port of loopback that nobody else is given while this lives: a socket is bound to it that does
// not listen. Who connects is refused, unless somebody who was told the port listens there, which
// SO_REUSEADDR allows.
class ReservedPort {
 public:
  ReservedPort();

  [[nodiscard]] uint16_t number() const { return number_; }

 private:
  UniqueFd bound_;
  uint16_t number_ = 0;
};

// A real sshd of the test's own, on loopback, that lets the user who runs the test in by key. Exits
// the program with 77 (fails if CI=true) if the machine has no sshd.
class SshdFixture {
 public:
  // `extra_config` are lines of sshd_config(5), which win over the fixture's own.
  explicit SshdFixture(const std::string& extra_config = {});
  ~SshdFixture();
  SshdFixture(const SshdFixture&) = delete;
  SshdFixture& operator=(const SshdFixture&) = delete;

  // As an administrator would write it: address, port, user, identity, known_hosts.
  [[nodiscard]] HostConfig Config() const;

  [[nodiscard]] uint16_t port() const { return port_.number(); }
  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] std::filesystem::path client_key() const { return directory_ / "client_key"; }
  [[nodiscard]] std::filesystem::path known_hosts() const { return directory_ / "known_hosts"; }
  // "ssh-ed25519 AAAA...", as `type` ("ed25519" or "rsa") of the host's keys is now.
  [[nodiscard]] std::string HostKey(const std::string& type) const;
  // known_hosts gets these lines' worth of keys: each as HostKey returns it.
  void WriteKnownHosts(const std::vector<std::string>& keys) const;
  // Lets a public key in, as ssh-keygen writes it.
  void Authorize(const std::string& public_key) const;

  void Stop();   // and ends its sessions
  void Start();  // on the same port
  // New host keys, from the next connection on; known_hosts stays as it was.
  void ChangeHostKeys();

  // The processes that serve connections.
  [[nodiscard]] std::vector<int> Sessions() const;
  void SignalSessions(int signal) const;
  // What sshd has logged.
  [[nodiscard]] std::string Log() const;

 private:
  void MakeHostKey(const std::string& type) const;
  // Another RSA key for each fixture would take a fifth of a second of computing.
  void TakeRsaKey() const;
  void WriteConfig() const;
  bool Launch();

  ScratchDirectory directory_;
  std::string extra_config_;
  std::string user_;
  ReservedPort port_;  // so that it is still free when sshd starts again
  std::unique_ptr<BackgroundCommand> sshd_;
};

}  // namespace orcio::test

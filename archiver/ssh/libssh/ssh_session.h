#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "archiver/config/config.h"
#include "archiver/ssh/way/ssh_dial.h"
#include "archiver/ssh/way/ssh_link.h"
#include "archiver/ssh/way/ssh_settings.h"
#include "base/error.h"
#include "base/free_with.h"
#include "base/threads/patience.h"

namespace orcio::inline archiver {

using SshSessionHandle = std::unique_ptr<ssh_session_struct, FreeWith<ssh_free>>;
using SshEventHandle = std::unique_ptr<ssh_event_struct, FreeWith<ssh_event_free>>;
using SshKeyHandle = std::unique_ptr<ssh_key_struct, FreeWith<ssh_key_free>>;
using SshString = std::unique_ptr<char, FreeWith<ssh_string_free_char>>;

// A connection to a host, logged in. libssh never blocks in it: whatever has to wait does so in
// Wait(). Used by one thread at a time.
class SshSession {
 public:
  // kNetwork if the host is away, kRefused if it, or its key, says no, kInvalid if the
  // configuration cannot work, kCancelled.
  [[nodiscard]] static Result<std::unique_ptr<SshSession>> Open(const HostConfig& config,
                                                                const SshOptions& options,
                                                                const std::stop_token& stop);
  ~SshSession();
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;

  [[nodiscard]] ssh_session get() const { return session_.get(); }
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] const SshSettings& settings() const { return settings_; }

  // To be called when a new wait begins: the silence before it says nothing about the link.
  void StartListening();
  // Waits for packets, for at most kWaitSlice, and has libssh handle them. kNetwork if the link
  // broke, or if the host has not answered for the dead-link timeout; kCancelled. A deadline
  // only shortens the wait.
  [[nodiscard]] Result<void> Wait(const Patience& patience);
  // Asks the host for a sign of life, and waits for it.
  [[nodiscard]] Result<void> Probe(const std::stop_token& stop);

  // As ssh_pki_import_privkey_file, for a key without a passphrase.
  [[nodiscard]] int ReadKey(const std::string& file, ssh_key& key);
  // Whether a key has wanted a passphrase since the last call. Nobody gives it one.
  [[nodiscard]] bool PassphraseWanted() { return std::exchange(passphrase_wanted_, false); }

  // What to say if a call of libssh's failed: what broke the link, or what the host refused.
  [[nodiscard]] Failure Broken(const std::string& doing) const;

 private:
  SshSession(const HostConfig& config, const SshOptions& options);
  [[nodiscard]] Result<void> Dial(const Patience& patience);
  [[nodiscard]] Result<void> ExchangeKeys(const Patience& patience);
  [[nodiscard]] Result<void> CheckSilence();
  void SendKeepalive();
  [[nodiscard]] Error Explain(Error error) const;
  static int RefusePassphrase(const char*, char*, size_t, int, int, void* self);

  const std::string host_;
  const SshOptions options_;
  SshSettings settings_;
  ssh_callbacks_struct callbacks_{};  // libssh calls them for as long as the session is there
  bool passphrase_wanted_ = false;
  ssh_counter_struct traffic_{};         // libssh counts into it
  std::unique_ptr<ProxyProcess> proxy_;  // none if the way is a TCP connection
  SshSessionHandle session_;
  SshEventHandle event_;  // holds the session's socket: goes before it
  bool logged_in_ = false;
  uint64_t heard_bytes_ = 0;  // of traffic_, when last looked at
  std::chrono::steady_clock::time_point silent_since_;
  bool asked_ = false;  // a keep-alive is under way in this silence
};

// Repeats a call that says `again` if it would block, until it says something else.
template <class Call>
[[nodiscard]] Result<int> Until(SshSession& session, const Patience& patience, int again,
                                Call call) {
  for (;;) {
    const int answer = call();
    if (answer != again) return answer;
    if (patience.expired())
      return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT,
                           fmt::format("host {}: no answer in time", session.host())});
    ORCIO_TRY(session.Wait(patience));
  }
}

}  // namespace orcio::inline archiver

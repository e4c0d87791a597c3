#include "archiver/ssh/libssh/ssh_session.h"

#include <fcntl.h>
#include <libssh/server.h>  // ssh_send_keepalive
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "archiver/ssh/libssh/ssh_host_key.h"
#include "archiver/ssh/libssh/ssh_login.h"
#include "archiver/ssh/libssh/ssh_options.h"

namespace orcio::inline archiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A silence as long as this part of the dead-link timeout is broken by a question of ours.
constexpr int kSilencesBeforeAsking = 3;

}  // namespace

SshSession::SshSession(const HostConfig& config, const SshOptions& options)
    : host_(config.name), options_(options), session_(ssh_new()), event_(ssh_event_new()) {
  if (session_ == nullptr || event_ == nullptr) throw std::bad_alloc();
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.auth_function = RefusePassphrase;
  ssh_set_callbacks(session_.get(), &callbacks_);
}

SshSession::~SshSession() = default;

Result<std::unique_ptr<SshSession>> SshSession::Open(const HostConfig& config,
                                                     const SshOptions& options,
                                                     const std::stop_token& stop) {
  const Patience patience{stop, steady_clock::now() + config.connect_timeout};
  std::unique_ptr<SshSession> session(new SshSession(config, options));
  session->settings_ = ORCIO_TRY(ConfigureSession(session->get(), config, patience));
  const auto connect = [&]() -> Result<void> {
    ORCIO_TRY(session->Dial(patience));
    ORCIO_TRY(session->ExchangeKeys(patience));
    ORCIO_TRY(CheckHostKey(*session));
    return LogIn(*session, config, patience);
  };
  auto connected = connect();
  if (!connected) return Failure(session->Explain(std::move(connected).error()));
  session->logged_in_ = true;
  session->StartListening();
  return session;
}

// libssh's own connect waits for the name server, tries one address only, and puts its proxy
// command where a person can be asked by it.
Result<void> SshSession::Dial(const Patience& patience) {
  UniqueFd fd;
  if (settings_.proxy_command.empty()) {
    fd = ORCIO_TRY(DialTcp(settings_.hostname, settings_.port, settings_.address_family,
                           options_.dead_link_timeout, patience));
  } else {
    proxy_ = ORCIO_TRY(ProxyProcess::Start(settings_.proxy_command));
    fd = proxy_->TakeStream();
  }
  const socket_t number = fd.Release();  // from here on libssh's, which closes it
  ssh_options_set(session_.get(), SSH_OPTIONS_FD, &number);
  ssh_set_counters(session_.get(), &traffic_, nullptr);
  return {};
}

Result<void> SshSession::ExchangeKeys(const Patience& patience) {
  for (;;) {
    const int answer = ssh_connect(session_.get());
    if (answer == SSH_OK) break;
    if (answer != SSH_AGAIN) return Broken("no SSH connection");
    const bool writing = (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0;
    ORCIO_TRY(WaitForFd(ssh_get_fd(session_.get()),
                        static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), patience));
  }
  // libssh has made it blocking, and would wait in send() for a host that reads nothing.
  const socket_t fd = ssh_get_fd(session_.get());
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  if (ssh_event_add_session(event_.get(), session_.get()) != SSH_OK)
    return Broken("no SSH connection");
  return {};
}

int SshSession::RefusePassphrase(const char*, char*, size_t, int, int, void* self) {
  static_cast<SshSession*>(self)->passphrase_wanted_ = true;
  return SSH_ERROR;
}

int SshSession::ReadKey(const std::string& file, ssh_key& key) {
  return ssh_pki_import_privkey_file(file.c_str(), nullptr, RefusePassphrase, this, &key);
}

void SshSession::StartListening() {
  heard_bytes_ = traffic_.in_bytes;
  silent_since_ = steady_clock::now();
  asked_ = false;
}

Result<void> SshSession::Wait(const Patience& patience) {
  if (patience.stop.stop_requested())
    return Fail(ErrorKind::kCancelled, "host {}: asked to stop", host_);
  auto slice = kWaitSlice;
  if (patience.deadline != steady_clock::time_point::max()) {
    const auto left = std::chrono::ceil<milliseconds>(patience.deadline - steady_clock::now());
    slice = std::clamp(left, milliseconds(0), kWaitSlice);
  }
  const int answer = ssh_event_dopoll(event_.get(), static_cast<int>(slice.count()));
  if (answer == SSH_ERROR || ssh_is_connected(session_.get()) == 0) return Broken("the link broke");
  // The clock is looked at only if nothing came: a stream in full flow has no time for it.
  return answer == SSH_AGAIN ? CheckSilence() : Result<void>{};
}

Result<void> SshSession::CheckSilence() {
  if (traffic_.in_bytes != heard_bytes_) {
    StartListening();
    return {};
  }
  if (!logged_in_) return {};  // the connection's deadline bounds it, and sshd answers nothing yet
  const auto silence = steady_clock::now() - silent_since_;
  if (silence >= options_.dead_link_timeout)
    return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT,
                         fmt::format("host {}: the link is dead: no answer for {} s", host_,
                                     options_.dead_link_timeout.count())});
  if (!asked_ && silence >= options_.dead_link_timeout / kSilencesBeforeAsking) SendKeepalive();
  return {};
}

// On a session that does not block, this sends and returns; the answer is a byte that CheckSilence
// hears. If the last answer has not been taken note of, a first call does only that.
void SshSession::SendKeepalive() {
  ssh_send_keepalive(session_.get());
  ssh_send_keepalive(session_.get());
  asked_ = true;
}

Result<void> SshSession::Probe(const std::stop_token& stop) {
  StartListening();
  const uint64_t before = traffic_.in_bytes;
  SendKeepalive();
  while (traffic_.in_bytes == before) ORCIO_TRY(Wait(Patience{stop}));
  return {};
}

Failure SshSession::Broken(const std::string& doing) const {
  const std::string why = ssh_get_error(session_.get());
  // "Received SSH_MSG_DISCONNECT: CODE:TEXT". ssh_get_disconnect_message has it for servers only.
  constexpr std::string_view kDisconnected = "Received SSH_MSG_DISCONNECT: ";
  if (!why.starts_with(kDisconnected))
    return Fail(ErrorKind::kNetwork, "host {}: {}: {}", host_, doing, why);
  return Fail(logged_in_ ? ErrorKind::kNetwork : ErrorKind::kRefused, "host {}: {}: it says: {}",
              host_, doing, why.substr(why.find(':', kDisconnected.size()) + 1));
}

// Says where it was going, and what the proxy command has to say.
Error SshSession::Explain(Error error) const {
  if (error.kind != ErrorKind::kNetwork && error.kind != ErrorKind::kIo) return error;
  const std::string prefix = fmt::format("host {}: ", host_);
  if (error.message.starts_with(prefix)) error.message.erase(0, prefix.size());
  if (proxy_ != nullptr) {
    const std::string complaints = proxy_->TakeErrors();
    error.message =
        fmt::format("{}cannot connect through `{}`: {}{}{}", prefix, settings_.proxy_command,
                    error.message, complaints.empty() ? "" : "; it said: ", complaints);
  } else {
    error.message = fmt::format("{}cannot connect to {} port {}: {}", prefix, settings_.hostname,
                                settings_.port, error.message);
  }
  return error;
}

}  // namespace orcio::inline archiver

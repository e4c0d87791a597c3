#include "archiver/ssh/libssh/ssh_channel.h"

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>

#include "archiver/ssh/way/command_streams.h"

namespace orcio::inline archiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct FreeChannel {
  // In a session that does not block, ssh_channel_free sends the close only once EOF went before.
  void operator()(ssh_channel channel) const noexcept {
    if (ssh_channel_is_open(channel) != 0) ssh_channel_send_eof(channel);
    ssh_channel_free(channel);
  }
};
using Channel = std::unique_ptr<ssh_channel_struct, FreeChannel>;

// What the host may send before it hears from us. libssh keeps 1.25 MiB open, which on a long link
// is less than the link holds; nothing of it is ever buffered here, so a larger one is free.
constexpr uint32_t kWindow = uint32_t{8} << 20;

// How long to wait for the end of the output once the command has ended: a daemon that it started
// may hold its standard output open for good.
constexpr milliseconds kLinger{2000};

// How long a command that is given up gets to be told so.
constexpr milliseconds kFarewell{100};

// sshd may take a moment to notice that the last channel of a connection has gone, and until then
// refuses another if MaxSessions is 1.
constexpr int kOpenTries = 20;
constexpr milliseconds kOpenPause{50};

int SignalNumber(const std::string& name) {
  for (int number = 1; number < NSIG; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return 0;
}

class Command {
 public:
  Command(SshSession& session, const RunOptions& options, ByteSink* sink);
  ~Command() { ssh_remove_channel_callbacks(channel_.get(), &callbacks_); }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Result<void> Start(const std::string& line, const Patience& patience);
  Result<CommandResult> Finish(const Patience& patience);
  // Asks the command to end, or has it killed if it only reads; does not wait for it.
  void GiveUp();

 private:
  static int OnData(ssh_session, ssh_channel, void* data, uint32_t size, int is_stderr, void* self);
  static void OnEof(ssh_session, ssh_channel, void* self);
  static void OnClose(ssh_session, ssh_channel, void* self);
  static void OnStatus(ssh_session, ssh_channel, int status, void* self);
  static void OnSignal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*,
                       void* self);

  Result<void> Open(const Patience& patience);
  Result<void> Step(const Patience& patience);
  void WidenWindow();
  Result<void> Feed();
  bool Ended();
  void Take(std::string_view bytes);
  void TakeError(std::string_view bytes);

  SshSession& session_;
  const RunOptions& options_;
  ByteSink* const sink_;
  ssh_channel_callbacks_struct callbacks_{};
  Channel channel_;
  CommandResult result_;
  CommandInput input_;
  CommandOutput output_;
  std::optional<Error> sink_error_;
  bool fed_all_ = false;
  bool started_ = false;
  bool given_up_ = false;
  bool has_status_ = false;
  bool at_eof_ = false;
  bool closed_ = false;
  std::optional<steady_clock::time_point> ended_at_;
  uint32_t taken_ = 0;  // bytes since the window was last widened
  std::unique_ptr<std::byte[]> window_;
};

// The window's buffer is address space, not memory: see WidenWindow.
Command::Command(SshSession& session, const RunOptions& options, ByteSink* sink)
    : session_(session),
      options_(options),
      sink_(sink),
      input_(options),
      output_(session.host(), options, result_),
      window_(std::make_unique_for_overwrite<std::byte[]>(kWindow)) {
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.channel_data_function = OnData;
  callbacks_.channel_eof_function = OnEof;
  callbacks_.channel_close_function = OnClose;
  callbacks_.channel_exit_status_function = OnStatus;
  callbacks_.channel_exit_signal_function = OnSignal;
}

// Called by libssh for each packet as it comes, out and err alike: neither waits for the other, and
// libssh's own buffer never grows. Whatever is not wanted is taken too.
int Command::OnData(ssh_session, ssh_channel, void* data, uint32_t size, int is_stderr,
                    void* self) {
  auto& command = *static_cast<Command*>(self);
  const std::string_view bytes(static_cast<const char*>(data), size);
  command.taken_ += size;
  if (command.given_up_ || command.sink_error_) return static_cast<int>(size);
  is_stderr != 0 ? command.TakeError(bytes) : command.Take(bytes);
  return static_cast<int>(size);
}

void Command::OnEof(ssh_session, ssh_channel, void* self) {
  static_cast<Command*>(self)->at_eof_ = true;
}

void Command::OnClose(ssh_session, ssh_channel, void* self) {
  static_cast<Command*>(self)->closed_ = true;
}

void Command::OnStatus(ssh_session, ssh_channel, int status, void* self) {
  auto& command = *static_cast<Command*>(self);
  command.result_.exit_status = status;
  command.has_status_ = true;
}

void Command::OnSignal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*,
                       void* self) {
  auto& command = *static_cast<Command*>(self);
  command.result_.signal = signal == nullptr ? "" : signal;
  command.result_.exit_status = 128 + SignalNumber(*command.result_.signal);
  command.has_status_ = true;
}

void Command::Take(std::string_view bytes) {
  if (sink_ == nullptr) {
    output_.Take(bytes);
    return;
  }
  auto passed = PassTo(*sink_, bytes);
  if (!passed) sink_error_ = std::move(passed).error();
}

void Command::TakeError(std::string_view bytes) {
  auto taken = output_.TakeError(bytes);
  if (!taken) sink_error_ = std::move(taken).error();
}

Result<void> Command::Open(const Patience& patience) {
  for (int tries = 1;; ++tries) {
    channel_.reset(ssh_channel_new(session_.get()));
    if (channel_ == nullptr) return session_.Broken("cannot open a channel");
    const int opened = ORCIO_TRY(Until(session_, patience, SSH_AGAIN,
                                       [&] { return ssh_channel_open_session(channel_.get()); }));
    if (opened == SSH_OK) return {};
    if (ssh_is_connected(session_.get()) == 0) return session_.Broken("the link broke");
    if (tries == kOpenTries)
      return Fail(ErrorKind::kRefused, "host {}: sshd does not let a command run: {}",
                  session_.host(), ssh_get_error(session_.get()));
    const auto again = std::min(steady_clock::now() + kOpenPause, patience.deadline);
    while (steady_clock::now() < again) ORCIO_TRY(session_.Wait(Patience{patience.stop, again}));
  }
}

Result<void> Command::Start(const std::string& line, const Patience& patience) {
  ORCIO_TRY(Open(patience));
  ssh_set_channel_callbacks(channel_.get(), &callbacks_);
  const int started = ORCIO_TRY(Until(session_, patience, SSH_AGAIN, [&] {
    return ssh_channel_request_exec(channel_.get(), line.c_str());
  }));
  if (started == SSH_OK) {
    started_ = true;
    return {};
  }
  if (ssh_is_connected(session_.get()) == 0) return session_.Broken("the link broke");
  return Fail(ErrorKind::kRefused, "host {}: sshd refuses to run a command: {}", session_.host(),
              ssh_get_error(session_.get()));
}

// libssh lets nobody set a channel's window; but a read that asks for more than the window opens it
// to as much. The read itself finds nothing, as OnData has taken everything.
void Command::WidenWindow() {
  if (at_eof_ || closed_) return;
  ssh_channel_read_timeout(channel_.get(), window_.get(), kWindow, 0, 0);
  taken_ = 0;
}

// A piece at a time, and only once libssh has sent the last: it would buffer without bounds.
Result<void> Command::Feed() {
  if (fed_all_ || (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0) return {};
  const std::string_view piece = ORCIO_TRY(input_.Next());
  if (piece.empty()) {
    ssh_channel_send_eof(channel_.get());
    fed_all_ = true;
    return {};
  }
  const int written =
      ssh_channel_write(channel_.get(), piece.data(), static_cast<uint32_t>(piece.size()));
  if (written < 0) fed_all_ = true;  // nobody reads it any more; a broken link shows elsewhere
  input_.Gave(static_cast<size_t>(std::max(written, 0)));
  return {};
}

bool Command::Ended() {
  if (closed_) return true;
  if (!has_status_ || (sink_ != nullptr && !at_eof_)) return false;
  if (!ended_at_) ended_at_ = steady_clock::now();
  return steady_clock::now() - *ended_at_ >= kLinger;
}

Result<void> Command::Step(const Patience& patience) {
  ORCIO_TRY(Feed());
  ORCIO_TRY(session_.Wait(patience));
  if (sink_error_) return Failure(*sink_error_);
  if (taken_ >= kWindow / 2) WidenWindow();
  return {};
}

Result<CommandResult> Command::Finish(const Patience& patience) {
  if (sink_ != nullptr) WidenWindow();
  while (!Ended()) {
    if (patience.expired())
      return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT,
                           fmt::format("host {}: a command did not end within {} s; look at the "
                                       "host's load, and at what its login shell does at its start",
                                       session_.host(), options_.timeout.count())});
    ORCIO_TRY(Step(patience));
  }
  if (!has_status_)
    return Fail(ErrorKind::kNetwork,
                "host {}: the host ended the channel without saying how the command ended",
                session_.host());
  return std::move(result_);
}

void Command::GiveUp() {
  given_up_ = true;
  if (!started_ || ssh_is_connected(session_.get()) == 0) return;
  ssh_channel_request_send_signal(channel_.get(), options_.only_reads ? "KILL" : "TERM");
  ssh_blocking_flush(session_.get(), static_cast<int>(kFarewell.count()));
}

}  // namespace

Result<CommandResult> RunOnSession(SshSession& session, const std::string& line,
                                   const RunOptions& options, ByteSink* sink,
                                   const std::stop_token& stop) {
  Patience patience{stop};
  if (sink == nullptr && options.more_input == nullptr && options.timeout.count() > 0)
    patience.deadline = steady_clock::now() + options.timeout;
  session.StartListening();
  Command command(session, options, sink);
  auto result = [&]() -> Result<CommandResult> {
    ORCIO_TRY(command.Start(line, patience));
    return command.Finish(patience);
  }();
  if (!result) command.GiveUp();
  return result;
}

}  // namespace orcio::inline archiver

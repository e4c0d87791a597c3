#include "archiver/ssh/client/ssh_client_command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "archiver/ssh/way/command_streams.h"
#include "base/text/safe_text.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between ssh and us: as much as a user may have, so that neither waits for the other's turn.
constexpr int kPipe = 1 << 20;
constexpr size_t kBuffer = size_t{64} << 10;

// How long to wait for the end of the output once the command has ended: a daemon that it started
// may hold its standard output open for good.
constexpr milliseconds kMuxLinger{2000};

// sshd may take a moment to notice that the last channel of a connection has gone, and until then
// refuses another if MaxSessions is 1.
constexpr int kMuxOpenTries = 20;
constexpr milliseconds kMuxOpenPause{50};

// Ours, and the one that ssh gets.
using Ends = std::pair<UniqueFd, UniqueFd>;

// What ssh reads from. A socket, as a pipe that nobody reads any more would end this process.
Result<Ends> InputEnds() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return FailErrno(errno, "socketpair");
  return Ends(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

// What ssh writes to.
Result<Ends> OutputEnds() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "pipe");
  ::fcntl(ends[0], F_SETFL, ::fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  (void)::fcntl(ends[0], F_SETPIPE_SZ, kPipe);  // a smaller one does, too
  return Ends(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

class MuxCommand {
 public:
  MuxCommand(SshClientMaster& master, const RunOptions& options, ByteSink* sink)
      : master_(master),
        options_(options),
        sink_(sink),
        input_(options),
        output_(master.host(), options, result_) {}
  MuxCommand(const MuxCommand&) = delete;
  MuxCommand& operator=(const MuxCommand&) = delete;

  Result<void> Start(const std::string& line, const Patience& patience);
  Result<CommandResult> Finish(const Patience& patience);

 private:
  Result<MuxMessage> Ask(const std::string& request, const Patience& patience);
  Result<void> Step(const Patience& patience);
  Result<void> Feed();
  Result<size_t> Read(UniqueFd& from, std::span<std::byte> into);
  Result<void> TakeOutput();
  Result<void> TakeError();
  void Note(const MuxMessage& message);
  Result<void> TakeReceived();
  Result<void> TakeMessages(const std::stop_token& stop);
  bool Ended();
  [[nodiscard]] Failure Explained(const Error& error, const Patience& patience);
  [[nodiscard]] Failure TooLong() const;

  SshClientMaster& master_;
  const RunOptions& options_;
  ByteSink* const sink_;
  CommandResult result_;
  CommandInput input_;
  CommandOutput output_;
  std::optional<SshMuxLine> line_;
  UniqueFd in_, out_, err_;  // closed at their ends
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kBuffer);
  bool has_status_ = false;
  std::optional<steady_clock::time_point> ended_at_;
};

Failure MuxCommand::TooLong() const {
  return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT,
                       fmt::format("host {}: a command did not end within {} s; look at the "
                                   "host's load, and at what its login shell does at its start",
                                   master_.host(), options_.timeout.count())});
}

Failure MuxCommand::Explained(const Error& error, const Patience& patience) {
  if (error.kind != ErrorKind::kNetwork)
    return Fail(error.kind, "host {}: {}", master_.host(), error.message);
  return patience.expired() ? TooLong() : master_.Broken("the link broke");
}

Result<MuxMessage> MuxCommand::Ask(const std::string& request, const Patience& patience) {
  Ends in = ORCIO_TRY(InputEnds());
  Ends out = ORCIO_TRY(OutputEnds());
  Ends err = ORCIO_TRY(OutputEnds());
  line_ = ORCIO_TRY(master_.OpenLine(patience));
  auto answer = [&]() -> Result<MuxMessage> {
    ORCIO_TRY(line_->Send(request, patience));
    for (const Ends* ends : {&in, &out, &err})
      ORCIO_TRY(line_->SendFile(ends->second.get(), patience));
    return line_->Await(patience);
  }();
  if (!answer) return Explained(answer.error(), patience);
  in_ = std::move(in.first);
  out_ = std::move(out.first);
  err_ = std::move(err.first);
  return answer;
}

Result<void> MuxCommand::Start(const std::string& line, const Patience& patience) {
  if (line.size() > kLongestMuxCommand)
    return Fail(ErrorKind::kLimit, "host {}: a command of {} bytes is too long for ssh",
                master_.host(), line.size());
  const std::string request = MuxNewSession(line);
  for (int tries = 1;; ++tries) {
    const auto answer = ORCIO_TRY(Ask(request, patience));
    if (answer.kind == MuxMessage::Kind::kOpened) return TakeReceived();
    if (tries == kMuxOpenTries)
      return Fail(ErrorKind::kRefused, "host {}: sshd does not let a command run: {}",
                  master_.host(), SafeText(answer.reason));
    if (patience.expired()) return TooLong();
    if (!Pause(kMuxOpenPause, patience.stop))
      return Fail(ErrorKind::kCancelled, "host {}: asked to stop", master_.host());
  }
}

// A piece at a time, as much as ssh has room for.
Result<void> MuxCommand::Feed() {
  const std::string_view piece = ORCIO_TRY(input_.Next());
  if (piece.empty()) {
    in_.Reset();
    return {};
  }
  const ssize_t put = ::send(in_.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put > 0) input_.Gave(static_cast<size_t>(put));
  // Nobody reads it any more; a broken link shows elsewhere.
  if (put < 0 && errno != EINTR && errno != EAGAIN) in_.Reset();
  return {};
}

// 0 if there is nothing now; closes it at its end.
Result<size_t> MuxCommand::Read(UniqueFd& from, std::span<std::byte> into) {
  const ssize_t got = ::read(from.get(), into.data(), into.size());
  if (got > 0) return static_cast<size_t>(got);
  if (got == 0) from.Reset();
  if (got < 0 && errno != EINTR && errno != EAGAIN) return FailErrno(errno, "reading from ssh");
  return size_t{0};
}

Result<void> MuxCommand::TakeOutput() {
  if (sink_ != nullptr) {
    const auto room = ORCIO_TRY(sink_->Buffer());
    const size_t got = ORCIO_TRY(Read(out_, room));
    return got > 0 ? sink_->Commit(got) : Result<void>{};
  }
  const size_t got = ORCIO_TRY(Read(out_, buffer_));
  output_.Take({reinterpret_cast<const char*>(buffer_.data()), got});
  return {};
}

Result<void> MuxCommand::TakeError() {
  const size_t got = ORCIO_TRY(Read(err_, buffer_));
  return output_.TakeError({reinterpret_cast<const char*>(buffer_.data()), got});
}

void MuxCommand::Note(const MuxMessage& message) {
  if (message.kind != MuxMessage::Kind::kExit) return;
  result_.exit_status = static_cast<int>(message.number);
  has_status_ = true;
}

// A command that ended at once, while we were busy: its status came in with the answer, and as long
// as a daemon of its holds the channel open, nothing more does.
Result<void> MuxCommand::TakeReceived() {
  while (auto message = ORCIO_TRY(line_->Received())) Note(*message);
  return {};
}

// Its status comes before the end of the line, or never.
Result<void> MuxCommand::TakeMessages(const std::stop_token& stop) {
  while (auto message = ORCIO_TRY(line_->Next())) Note(*message);
  if (has_status_ || !line_->ended()) return {};
  ORCIO_TRY(master_.OpenLine({stop}));
  return Fail(ErrorKind::kNetwork,
              "host {}: the host ended the channel without saying how the command ended: a signal "
              "did it, perhaps, of which ssh does not tell",
              master_.host());
}

Result<void> MuxCommand::Step(const Patience& patience) {
  std::array<pollfd, 4> polled{pollfd{line_->ended() ? -1 : line_->fd(), POLLIN, 0},
                               pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                               pollfd{in_.get(), POLLOUT, 0}};
  auto slice = kWaitSlice;
  if (patience.deadline != steady_clock::time_point::max()) {
    const auto left = std::chrono::ceil<milliseconds>(patience.deadline - steady_clock::now());
    slice = std::clamp(left, milliseconds(0), kWaitSlice);
  }
  const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(slice.count()));
  if (patience.stop.stop_requested())
    return Fail(ErrorKind::kCancelled, "host {}: asked to stop", master_.host());
  if (ready < 0 && errno != EINTR) return FailErrno(errno, "poll");
  if (ready <= 0) return {};
  if (polled[1].revents != 0) ORCIO_TRY(TakeOutput());
  if (polled[2].revents != 0) ORCIO_TRY(TakeError());
  if (polled[3].revents != 0) ORCIO_TRY(Feed());
  return polled[0].revents != 0 ? TakeMessages(patience.stop) : Result<void>{};
}

bool MuxCommand::Ended() {
  if (!has_status_) return false;
  if (!out_.valid() && !err_.valid()) return true;
  if (sink_ != nullptr && out_.valid()) return false;
  if (!ended_at_) ended_at_ = steady_clock::now();
  return steady_clock::now() - *ended_at_ >= kMuxLinger;
}

// sshd tells the status as soon as the command ends, and what that said may still be on its way: an
// ssh that lives has closed the outputs because they have ended, and not because the link has.
Result<CommandResult> MuxCommand::Finish(const Patience& patience) {
  while (!Ended()) {
    if (patience.expired()) return TooLong();
    ORCIO_TRY(Step(patience));
  }
  ORCIO_TRY(master_.OpenLine({patience.stop}));
  return std::move(result_);
}

}  // namespace

Result<CommandResult> RunOverMaster(SshClientMaster& master, const std::string& line,
                                    const RunOptions& options, ByteSink* sink,
                                    const std::stop_token& stop) {
  Patience patience{stop};
  if (sink == nullptr && options.more_input == nullptr && options.timeout.count() > 0)
    patience.deadline = steady_clock::now() + options.timeout;
  MuxCommand command(master, options, sink);
  ORCIO_TRY(command.Start(line, patience));
  return command.Finish(patience);
}

}  // namespace orcio::inline archiver

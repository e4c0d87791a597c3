#include "tests/support/hosts/local_host.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>

#include "base/unique_fd.h"
#include "tests/support/environment.h"

namespace orcio::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMilliseconds = 10;  // how soon a stop request is noticed

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
};

// A shell running one command; whatever is left of its process group is killed with this.
class Shell {
 public:
  Shell(const std::string& command, const std::map<std::string, std::string>& environment) {
    Pipe in, out, err;
    Environment with(environment);
    ::signal(SIGPIPE, SIG_IGN);  // a command may end before it has read its input
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::dup2(in.read.get(), 0);
      ::dup2(out.write.get(), 1);
      ::dup2(err.write.get(), 2);
      ::signal(SIGPIPE, SIG_DFL);
      ::execle("/bin/sh", "sh", "-c", command.c_str(), nullptr, with.get());
      ::_exit(127);
    }
    ::setpgid(pid_, pid_);  // here too: whoever is first, the group is there when we kill it
    in_ = std::move(in.write);
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    ::fcntl(in_.get(), F_SETFL, O_NONBLOCK);
  }
  ~Shell() {
    if (waited_) return;
    ::kill(-pid_, SIGKILL);
    [[maybe_unused]] const int status = Wait();
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  [[nodiscard]] int Wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    waited_ = true;
    return status;
  }

  UniqueFd in_, out_, err_;

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
};

// Reads into a string that keeps at most `limit` bytes.
void Collect(UniqueFd& from, std::string& into, bool& truncated, size_t limit) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got <= 0) {
    if (got == 0 || errno != EINTR) from.Reset();
    return;
  }
  const size_t room = std::min(static_cast<size_t>(got), limit - into.size());
  into.append(buffer.data(), room);
  truncated = truncated || room < static_cast<size_t>(got);
}

void Feed(UniqueFd& to, const std::string& input, size_t& written) {
  ssize_t put = 0;
  if (written < input.size()) {
    put = ::write(to.get(), input.data() + written, input.size() - written);
    if (put > 0) written += static_cast<size_t>(put);
  }
  if (written == input.size() || (put < 0 && errno != EINTR && errno != EAGAIN)) to.Reset();
}

Result<void> ReadAll(ByteSource& from, std::string& into) {
  std::array<std::byte, 65536> buffer{};
  while (const size_t got = ORCIO_TRY(from.Read(buffer)))
    into.append(reinterpret_cast<const char*>(buffer.data()), got);
  return {};
}

Result<void> IntoSink(UniqueFd& from, ByteSink& sink) {
  const auto room = ORCIO_TRY(sink.Buffer());
  const ssize_t got = ::read(from.get(), room.data(), room.size());
  if (got > 0) return sink.Commit(static_cast<size_t>(got));
  if (got == 0 || errno != EINTR) from.Reset();
  return {};
}

void SetStatus(CommandResult& result, int status) {
  if (WIFSIGNALED(status)) {
    result.exit_status = 128 + WTERMSIG(status);
    result.signal = ::sigabbrev_np(WTERMSIG(status));
  } else {
    result.exit_status = WEXITSTATUS(status);
  }
}

using TakeOutput = std::function<Result<void>(UniqueFd& from, CommandResult& result)>;

Result<CommandResult> RunHere(const std::string& command,
                              const std::map<std::string, std::string>& environment,
                              const RunOptions& options, std::chrono::seconds timeout,
                              const TakeOutput& take_output, const std::stop_token& stop) {
  const auto deadline = Clock::now() + timeout;
  Shell shell(command, environment);
  CommandResult result;
  std::string input = options.input;
  if (options.more_input != nullptr) ORCIO_TRY(ReadAll(*options.more_input, input));
  size_t written = 0;
  while (shell.out_.valid() || shell.err_.valid()) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "cancelled: {}", command);
    std::array<pollfd, 3> polled{pollfd{shell.out_.get(), POLLIN, 0},
                                 pollfd{shell.err_.get(), POLLIN, 0},
                                 pollfd{shell.in_.get(), POLLOUT, 0}};
    if (::poll(polled.data(), polled.size(), kPollMilliseconds) <= 0) {
      // Not before: what has come while this process waited for its turn is there.
      if (timeout.count() > 0 && Clock::now() > deadline)
        return Fail(ErrorKind::kNetwork, "no end within {} s: {}", timeout.count(), command);
      continue;
    }
    if (polled[0].revents != 0) ORCIO_TRY(take_output(shell.out_, result));
    if (polled[1].revents != 0)
      Collect(shell.err_, result.err, result.err_truncated, options.max_output);
    if (polled[2].revents != 0) Feed(shell.in_, input, written);
  }
  SetStatus(result, shell.Wait());
  return result;
}

}  // namespace

Result<void> LocalHost::Connect(const std::stop_token& stop) {
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "{}: cancelled", name_);
  return {};
}

Result<CommandResult> LocalHost::Run(const std::string& command, const RunOptions& options,
                                     const std::stop_token& stop) {
  commands_.push_back(command);
  const auto take = [&options](UniqueFd& from, CommandResult& result) -> Result<void> {
    Collect(from, result.out, result.out_truncated, options.max_output);
    return {};
  };
  return RunHere(command, environment_, options, options.timeout, take, stop);
}

Result<CommandResult> LocalHost::Stream(const std::string& command, ByteSink& sink,
                                        const RunOptions& options, const std::stop_token& stop) {
  commands_.push_back(command);
  const auto take = [&sink](UniqueFd& from, CommandResult&) { return IntoSink(from, sink); };
  return RunHere(command, environment_, options, std::chrono::seconds(0), take, stop);
}

}  // namespace orcio::test

#include "tests/support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <climits>

#include "base/unique_fd.h"
#include "tests/support/environment.h"

namespace orcio::test {
namespace {

// What a program's own last steps may take on a busy machine.
constexpr std::chrono::seconds kGrace{60};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
};

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Exec(const std::vector<char*>& arguments, Environment& environment,
                       const CommandOptions& options) {
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(126);
  environ = environment.get();  // whose PATH is looked through
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

int StatusOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

// Reads what is there; closes the end at end-of-file.
void Drain(UniqueFd& from, std::string& into) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got > 0) {
    into.append(buffer.data(), static_cast<size_t>(got));
  } else if (got == 0 || errno != EINTR) {
    from.Reset();
  }
}

void Feed(UniqueFd& to, const std::string& input, size_t& written) {
  // What poll says there is room for: more would wait, with nobody reading what the program says.
  const size_t size = std::min<size_t>(input.size() - written, PIPE_BUF);
  const ssize_t put = ::write(to.get(), input.data() + written, size);
  if (put > 0) written += static_cast<size_t>(put);
  if ((put < 0 && errno != EINTR) || written == input.size()) to.Reset();
}

}  // namespace

Ended RunCommand(const std::vector<std::string>& words, const CommandOptions& options) {
  Pipe in, out, err;
  const auto arguments = Pointers(words);
  Environment environment(options.environment);
  ::signal(SIGPIPE, SIG_IGN);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(in.read.get(), 0);
    ::dup2(out.write.get(), 1);
    ::dup2(err.write.get(), 2);
    Exec(arguments, environment, options);
  }
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  Ended ended;
  size_t written = 0;
  if (options.input.empty()) in.write.Reset();
  while (out.read.valid() || err.read.valid()) {
    std::array<pollfd, 3> polled{pollfd{out.read.get(), POLLIN, 0},
                                 pollfd{err.read.get(), POLLIN, 0},
                                 pollfd{in.write.get(), POLLOUT, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR)
      throw std::runtime_error("poll");
    if (polled[0].revents != 0 && out.read.valid()) Drain(out.read, ended.out);
    if (polled[1].revents != 0 && err.read.valid()) Drain(err.read, ended.err);
    if (polled[2].revents != 0 && in.write.valid()) Feed(in.write, options.input, written);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = StatusOf(status);
  return ended;
}

Ended RunShell(const std::string& script, const CommandOptions& options) {
  return RunCommand({"/bin/bash", "-c", "set -euo pipefail\n" + script}, options);
}

std::string MustRun(const std::vector<std::string>& words, const CommandOptions& options) {
  Ended ended = RunCommand(words, options);
  if (ended.status == 0) return std::move(ended.out);
  std::string line;
  for (const auto& word : words) line += word + " ";
  throw std::runtime_error(line + "exited with " + std::to_string(ended.status) + "\n" + ended.out +
                           ended.err);
}

std::string MustRunShell(const std::string& script, const CommandOptions& options) {
  return MustRun({"/bin/bash", "-c", "set -euo pipefail\n" + script}, options);
}

BackgroundCommand::BackgroundCommand(const std::vector<std::string>& words,
                                     const std::string& log_file) {
  const auto arguments = Pointers(words);
  Environment environment({});
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    const int log = ::open(log_file.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    Exec(arguments, environment, {});
  }
}

BackgroundCommand::~BackgroundCommand() {
  if (running()) End(SIGTERM);
}

bool BackgroundCommand::running() {
  if (status_ >= 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = StatusOf(status);
  return false;
}

int BackgroundCommand::End(int signal) {
  if (running()) ::kill(pid_, signal);
  const auto deadline = std::chrono::steady_clock::now() + kGrace;
  while (running() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (running()) ::kill(pid_, SIGKILL);
  return Wait();
}

int BackgroundCommand::Wait() {
  int status = 0;
  if (status_ < 0) {
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = StatusOf(status);
  }
  return status_;
}

}  // namespace orcio::test

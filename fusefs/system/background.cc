#include "fusefs/system/background.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "base/sanitizer.h"
#include "base/unique_fd.h"

#if ORCIO_ASAN
#include <sanitizer/lsan_interface.h>
#endif

namespace orcio::inline fusefs {
namespace {

// What goes through the pipe: this alone, or the failure's kind as a letter from 'a' on and its
// sentence.
constexpr std::string_view kReady = "ready";

void WriteAll(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(to, text.data(), text.size());
    if (put < 0 && errno != EINTR) return;  // nobody waits any more
    if (put > 0) text.remove_prefix(static_cast<size_t>(put));
  }
}

std::string ReadAll(int from) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

void DetachStandardStreams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), stream);
}

using ServeFunction = std::function<Result<void>(const std::function<void()>& ready)>;

// What is above us on the stack is a copy of the caller's, where nobody looks at us any more.
Result<void> Caught(const ServeFunction& serve, const std::function<void()>& ready) {
  try {
    return serve(ready);
  } catch (const std::bad_alloc&) {
    return FailErrno(ENOMEM, "cannot mount");
  } catch (const std::exception& exception) {
    return Fail(ErrorKind::kIo, "cannot mount: {}", exception.what());
  }
}

[[noreturn]] void Serve(UniqueFd pipe, const ServeFunction& serve) {
  // Whoever started us may have been interrupted: no reason to leave a mount that nobody serves.
  ::signal(SIGPIPE, SIG_IGN);
  if (::chdir("/") != 0) std::perror("orcio: cannot change to /");
  const auto served = Caught(serve, [&] {
    DetachStandardStreams();
    WriteAll(pipe.get(), kReady);
    pipe.Reset();
  });
  if (!served && pipe.valid()) {
    WriteAll(pipe.get(), static_cast<char>('a' + static_cast<int>(served.error().kind)) +
                             served.error().message);
  }
#if ORCIO_ASAN
  __lsan_do_leak_check();  // which comes at exit, elsewhere
#endif
  // Not exit: what the caller registered to happen at its own end is not for this process to do.
  ::_exit(served ? 0 : 1);
}

Result<void> ReadOutcome(int pipe) {
  const std::string text = ReadAll(pipe);
  if (text == kReady) return {};
  if (text.empty()) return Fail(ErrorKind::kIo, "the process in the background died at its start");
  return Failure(Error{static_cast<ErrorKind>(text[0] - 'a'), 0, text.substr(1)});
}

}  // namespace

Result<void> RunInBackground(
    const std::function<Result<void>(const std::function<void()>& ready)>& serve) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "cannot make a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  std::fflush(nullptr);  // or both processes write what is buffered
  const pid_t child = ::fork();
  if (child < 0) return FailErrno(errno, "cannot start a process");
  if (child == 0) {
    // Once more, so that the server is no session leader, which could get a terminal, and no child
    // of a caller that does not know to wait for it.
    ::setsid();
    if (::fork() == 0) Serve(std::move(write_end), serve);
    ::_exit(0);
  }
  write_end.Reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return ReadOutcome(read_end.get());
}

}  // namespace orcio::inline fusefs

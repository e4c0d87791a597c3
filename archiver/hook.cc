#include "archiver/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "index/unique_fd.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> MergedEnvironment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable(*entry);
    if (added.count(variable.substr(0, variable.find('='))) == 0) merged.push_back(variable);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In a process group of its own, with every signal as it was when this process began: what runs
// orcio's own shutdown must neither reach the hook nor be ignored by it.
int Spawn(const std::string& command, const std::map<std::string, std::string>& added, pid_t& pid) {
  std::vector<std::string> words{"sh", "-c", command};
  auto environment = MergedEnvironment(added);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(&pid, "/bin/sh", &actions, &attributes, Pointers(words).data(),
                                Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

bool EndsWithin(pid_t pid, std::chrono::milliseconds timeout) {
  // glibc 2.36 declares pidfd_open without C linkage.
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd polled{process.get(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

Result<void> RunHook(const std::string& command,
                     const std::map<std::string, std::string>& environment,
                     std::chrono::milliseconds timeout) {
  pid_t pid = -1;
  if (const int error = Spawn(command, environment, pid); error != 0) {
    return FailErrno(error, "hook `" + command + "`");
  }
  const bool ended = EndsWithin(pid, timeout);
  if (!ended) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return Fail(ErrorKind::kIo, "hook `{}` was killed: it ran for more than {} s", command,
                std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
  }
  if (WIFSIGNALED(status)) {
    return Fail(ErrorKind::kIo, "hook `{}` was ended by signal {}", command, WTERMSIG(status));
  }
  if (WEXITSTATUS(status) != 0) {
    return Fail(ErrorKind::kIo, "hook `{}` exited with {}", command, WEXITSTATUS(status));
  }
  return {};
}

}  // namespace orcio

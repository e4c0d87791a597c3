#include "archiver/local/local_command.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace orcio::inline archiver {
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

// What runs orcio's own shutdown must neither reach the command nor be ignored by it.
int SpawnShell(const std::string& command, const std::map<std::string, std::string>& added,
               int standard_input, pid_t& pid) {
  std::vector<std::string> words{"sh", "-c", command};
  auto environment = MergedEnvironment(added);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, standard_input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
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

int StatusOf(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<LocalCommand> LocalCommand::Start(const std::string& command,
                                         const std::map<std::string, std::string>& environment,
                                         const UniqueFd& standard_input) {
  pid_t pid = -1;
  if (const int error = SpawnShell(command, environment, standard_input.get(), pid); error != 0) {
    return FailErrno(error, "/bin/sh does not start");
  }
  return LocalCommand(pid);
}

// glibc 2.36 declares pidfd_open without C linkage.
LocalCommand::LocalCommand(pid_t pid)
    : pid_(pid), process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

LocalCommand::LocalCommand(LocalCommand&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), process_(std::move(other.process_)) {}

LocalCommand::~LocalCommand() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  (void)StatusOf(pid_);
}

bool LocalCommand::EndsWithin(std::chrono::milliseconds time) const {
  const auto deadline = Clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd polled{process_.get(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void LocalCommand::Signal(int signal) const {
  if (pid_ > 0) ::kill(-pid_, signal);
}

Result<void> LocalCommand::Wait(const std::string& what) {
  const int status = StatusOf(std::exchange(pid_, -1));
  if (WIFSIGNALED(status))
    return Fail(ErrorKind::kIo, "{} was ended by signal {}", what, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return Fail(ErrorKind::kIo, "{} exited with {}", what, WEXITSTATUS(status));
  return {};
}

Result<UniqueFd> InputOf(std::string_view text) {
  UniqueFd file(::memfd_create("orcio", MFD_CLOEXEC));
  if (!file.valid()) return FailErrno(errno, "cannot make a file in memory");
  while (!text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "cannot write to a file in memory");
    text.remove_prefix(static_cast<size_t>(put));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0)
    return FailErrno(errno, "cannot rewind a file in memory");
  return file;
}

}  // namespace orcio::inline archiver

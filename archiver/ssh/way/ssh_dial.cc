#include "archiver/ssh/way/ssh_dial.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/threads/mutex.h"

namespace orcio::inline archiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Failure NetworkError(int errnum, const std::string& message) {
  return Failure(Error{ErrorKind::kNetwork, errnum, message});
}

Failure Stopped() {
  return Fail(ErrorKind::kCancelled, "asked to stop");
}

struct Lookup {
  Mutex mutex;
  std::condition_variable_any changed;
  bool done GUARDED_BY(mutex) = false;
  int error GUARDED_BY(mutex) = 0;
  Addresses addresses GUARDED_BY(mutex){nullptr, ::freeaddrinfo};
};

void LookUp(const std::shared_ptr<Lookup>& lookup, const std::string& address,
            const std::string& service, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), service.c_str(), &hints, &found);
  const MutexLock lock(lookup->mutex);
  lookup->addresses.reset(error == 0 ? found : nullptr);
  lookup->error = error;
  lookup->done = true;
  lookup->changed.notify_all();
}

// getaddrinfo cannot be interrupted, and waits half a minute for a name server that is away: it
// gets a thread of its own, which nobody waits for once nobody wants its answer.
Result<Addresses> Resolve(const std::string& address, uint16_t port, int family,
                          const Patience& patience) {
  auto lookup = std::make_shared<Lookup>();
  std::thread(LookUp, lookup, address, std::to_string(port), family).detach();
  const MutexLock lock(lookup->mutex);
  while (!lookup->done) {
    if (patience.stop.stop_requested()) return Stopped();
    if (patience.expired())
      return NetworkError(ETIMEDOUT,
                          fmt::format("no name server said in time where {} is", address));
    lookup->changed.wait_for(lookup->mutex, kWaitSlice);
  }
  if (lookup->error != 0)
    return Fail(ErrorKind::kNetwork, "the name {} does not resolve: {}", address,
                ::gai_strerror(lookup->error));
  return std::move(lookup->addresses);
}

void SetOption(int fd, int level, int option, int value) {
  // A kernel that lacks one of these leaves us with the keep-alives of the SSH session.
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

void WatchLink(int fd, std::chrono::seconds dead_link_timeout) {
  const int seconds = std::max(1, static_cast<int>(dead_link_timeout.count()));
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 3));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 5));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

Result<UniqueFd> ConnectTo(const addrinfo& address, const Patience& patience) {
  UniqueFd fd(
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  int error = fd.valid() ? 0 : errno;
  if (error == 0 && ::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      ORCIO_TRY(WaitForFd(fd.get(), POLLOUT, patience));
      socklen_t size = sizeof error;
      if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
  }
  if (error != 0) return NetworkError(error, std::generic_category().message(error));
  return fd;
}

// Each address gets an even share of the time that is left, so that one that swallows packets
// leaves some for the next.
Patience Share(const Patience& patience, const addrinfo* addresses) {
  int left = 0;
  for (const auto* address = addresses; address != nullptr; address = address->ai_next) ++left;
  if (left <= 1 || patience.deadline == steady_clock::time_point::max()) return patience;
  const auto now = steady_clock::now();
  return Patience{patience.stop, now + (patience.deadline - now) / left};
}

// "10.77.0.1"
std::string Numeric(const addrinfo& address) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return "an address";
  return text.data();
}

Result<std::pair<UniqueFd, UniqueFd>> SocketPair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return FailErrno(errno, "socketpair");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

// What the proxy command complains of must neither be lost nor ever make it wait for us.
Result<std::pair<UniqueFd, UniqueFd>> ComplaintPipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return FailErrno(errno, "pipe");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

// A session of its own takes the terminal away from it, and signals meant for us.
int Spawn(const std::string& command, int stream, int complaints, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, stream, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, stream, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSID) |
                                              POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const std::array<const char*, 4> words{"sh", "-c", command.c_str(), nullptr};
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes,
                                  const_cast<char* const*>(words.data()), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Result<UniqueFd> DialFirst(const addrinfo* addresses, const Patience& patience) {
  Error last{ErrorKind::kNetwork, 0, "no address"};
  std::vector<std::string> tried;
  for (const auto* next = addresses; next != nullptr; next = next->ai_next) {
    auto fd = ConnectTo(*next, Share(patience, next));
    if (fd) return fd;
    last = std::move(fd).error();
    if (last.kind == ErrorKind::kCancelled) return Failure(std::move(last));
    tried.push_back(fmt::format("{}: {}", Numeric(*next), last.message));
  }
  // Which of them is the host's own, nobody here knows.
  if (tried.size() > 1) last.message = fmt::format("{}", fmt::join(tried, "; "));
  return Failure(std::move(last));
}

Result<UniqueFd> DialTcp(const std::string& address, uint16_t port, int family,
                         std::chrono::seconds dead_link_timeout, const Patience& patience) {
  const auto addresses = ORCIO_TRY(Resolve(address, port, family, patience));
  auto fd = ORCIO_TRY(DialFirst(addresses.get(), patience));
  WatchLink(fd.get(), dead_link_timeout);
  return fd;
}

ProxyProcess::ProxyProcess(pid_t pid, UniqueFd stream, UniqueFd complaints)
    : pid_(pid), stream_(std::move(stream)), complaints_(std::move(complaints)) {}

Result<std::unique_ptr<ProxyProcess>> ProxyProcess::Start(const std::string& command) {
  auto [ours, theirs] = ORCIO_TRY(SocketPair());
  auto [complaints, complain] = ORCIO_TRY(ComplaintPipe());
  pid_t pid = -1;
  const int error = Spawn(command, theirs.get(), complain.get(), pid);
  if (error != 0) return FailErrno(error, "starting the proxy command");
  return std::unique_ptr<ProxyProcess>(
      new ProxyProcess(pid, std::move(ours), std::move(complaints)));
}

ProxyProcess::~ProxyProcess() {
  stream_.Reset();
  ::kill(-pid_, SIGTERM);  // its whole session: the shell and what it started
  const auto deadline = steady_clock::now() + milliseconds(500);
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));
    } else {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      return;
    }
  }
}

std::string ProxyProcess::TakeErrors() {
  std::string said(4096, '\0');
  const ssize_t got = ::read(complaints_.get(), said.data(), said.size());
  said.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!said.empty() && (said.back() == '\n' || said.back() == '\r')) said.pop_back();
  return said;
}

}  // namespace orcio::inline archiver

#include "archiver/ssh/libssh/ssh_agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

namespace orcio::inline archiver {
namespace {

constexpr char kAgentFailure = 5;
constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr size_t kLongestMessage = size_t{256} << 10;  // OpenSSH's own limit
constexpr size_t kMostKeys = 2048;                     // as is this

std::string NumberOf(size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::string StringOf(const std::string& text) {
  return NumberOf(text.size()) + text;
}

std::optional<size_t> TakeNumber(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  size_t number = 0;
  for (const char c : rest.substr(0, 4)) number = number << 8 | static_cast<unsigned char>(c);
  rest.remove_prefix(4);
  return number;
}

std::optional<std::string> TakeString(std::string_view& rest) {
  const auto size = TakeNumber(rest);
  if (!size || *size > rest.size()) return std::nullopt;
  std::string text(rest.substr(0, *size));
  rest.remove_prefix(*size);
  return text;
}

bool Send(int fd, const std::string& bytes, const Patience& patience) {
  for (size_t sent = 0; sent < bytes.size();) {
    if (!WaitForFd(fd, POLLOUT, patience)) return false;
    const ssize_t put =
        ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (put > 0) sent += static_cast<size_t>(put);
  }
  return true;
}

std::optional<std::string> Receive(int fd, size_t size, const Patience& patience) {
  std::string bytes(size, '\0');
  for (size_t got = 0; got < size;) {
    if (!WaitForFd(fd, POLLIN, patience)) return std::nullopt;
    const ssize_t more = ::recv(fd, bytes.data() + got, size - got, 0);
    if (more == 0 || (more < 0 && errno != EINTR)) return std::nullopt;
    if (more > 0) got += static_cast<size_t>(more);
  }
  return bytes;
}

std::optional<std::string> ReceiveMessage(int fd, const Patience& patience) {
  const auto head = Receive(fd, 4, patience);
  if (!head) return std::nullopt;
  std::string_view rest = *head;
  const size_t size = *TakeNumber(rest);
  if (size == 0 || size > kLongestMessage) return std::nullopt;
  return Receive(fd, size, patience);
}

UniqueFd ConnectToAgent(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, socket.data(), socket.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return fd;
}

std::vector<SshAgent::Key> KeysIn(std::string_view answer) {
  if (!answer.starts_with(kIdentitiesAnswer)) return {};
  answer.remove_prefix(1);
  const size_t count = TakeNumber(answer).value_or(0);
  std::vector<SshAgent::Key> keys;
  for (size_t i = 0; i < count && i < kMostKeys; ++i) {
    auto blob = TakeString(answer);
    auto comment = TakeString(answer);
    if (!blob || !comment) break;
    keys.push_back({std::move(*blob), std::move(*comment)});
  }
  return keys;
}

std::string AnswerWith(const std::vector<SshAgent::Key>& keys) {
  std::string answer = kIdentitiesAnswer + NumberOf(keys.size());
  for (const auto& key : keys) answer += StringOf(key.blob) + StringOf(key.comment);
  return answer;
}

}  // namespace

SshAgent::SshAgent(const std::string& socket, Patience patience)
    : patience_(std::move(patience)), agent_(ConnectToAgent(socket)) {
  if (!agent_.valid() ||
      !Send(agent_.get(), StringOf(std::string(1, kRequestIdentities)), patience_))
    return;
  const auto answer = ReceiveMessage(agent_.get(), patience_);
  if (answer) keys_ = KeysIn(*answer);
}

SshAgent::~SshAgent() {
  if (!thread_.joinable()) return;
  // Nothing there waits for longer than it takes to see this.
  ::shutdown(line_.get(), SHUT_RDWR);
  ::shutdown(agent_.get(), SHUT_RDWR);
  thread_.join();
}

void SshAgent::Offer(std::vector<Key> keys) {
  const MutexLock lock(mutex_);
  offered_ = std::move(keys);
}

Result<UniqueFd> SshAgent::OpenLine() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return FailErrno(errno, "socketpair");
  line_ = UniqueFd(ends[0]);
  thread_ = std::thread([this] {
    try {
      Serve();
    } catch (const std::bad_alloc&) {
      ::shutdown(line_.get(), SHUT_RDWR);  // libssh finds that its agent is gone
    }
  });
  return UniqueFd(ends[1]);
}

// libssh waits for each answer, and for as long as it takes: an agent that asks a person first is
// waited for no longer than for anything else in a login.
void SshAgent::Serve() {
  const Patience forever;
  for (;;) {
    const auto request = ReceiveMessage(line_.get(), forever);
    if (!request) return;
    std::string answer(1, kAgentFailure);
    if (request->front() == kRequestIdentities) {
      const MutexLock lock(mutex_);
      answer = AnswerWith(offered_);
    } else if (Send(agent_.get(), StringOf(*request), patience_)) {
      answer = ReceiveMessage(agent_.get(), patience_).value_or(answer);
    }
    if (!Send(line_.get(), StringOf(answer), forever)) return;
  }
}

}  // namespace orcio::inline archiver

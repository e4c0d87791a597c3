#include "archiver/ssh/client/ssh_mux_line.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace orcio::inline archiver {
namespace {

Failure Gone(int errnum) {
  return Failure(Error{ErrorKind::kNetwork, errnum, "ssh has ended"});
}

Result<UniqueFd> ConnectTo(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path)
    return Fail(ErrorKind::kInvalid, "{}: the name is too long for a socket", socket);
  std::memcpy(address.sun_path, socket.data(), socket.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FailErrno(errno, "socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Gone(errno);
  return fd;
}

}  // namespace

Result<SshMuxLine> SshMuxLine::Open(const std::string& socket, const Patience& patience) {
  SshMuxLine line(ORCIO_TRY(ConnectTo(socket)));
  ORCIO_TRY(line.Send(MuxHello(), patience));
  const auto hello = ORCIO_TRY(line.Await(patience));
  if (hello.kind != MuxMessage::Kind::kHello || hello.number != kMuxVersion)
    return Fail(ErrorKind::kInvalid,
                "this ssh shares its connection in a way that orcio does not know (version {}, "
                "not {})",
                hello.number, kMuxVersion);
  return line;
}

Result<void> SshMuxLine::Send(std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    ORCIO_TRY(WaitForFd(fd_.get(), POLLOUT, patience));
    const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0) return Gone(errno);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

// ssh takes each with a byte of its own.
Result<void> SshMuxLine::SendFile(int fd, const Patience& patience) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  for (;;) {
    ORCIO_TRY(WaitForFd(fd_.get(), POLLOUT, patience));
    if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) return {};
    if (errno != EINTR && errno != EAGAIN) return Gone(errno);
  }
}

Result<void> SshMuxLine::Receive() {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) received_.append(buffer.data(), static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno == ECONNRESET)) ended_ = true;
  if (got < 0 && !ended_ && errno != EINTR && errno != EAGAIN)
    return FailErrno(errno, "reading what ssh says");
  return {};
}

Result<std::optional<MuxMessage>> SshMuxLine::Next() {
  auto message = ORCIO_TRY(TakeMuxMessage(received_));
  if (message || ended_) return message;
  ORCIO_TRY(Receive());
  return TakeMuxMessage(received_);
}

Result<MuxMessage> SshMuxLine::Await(const Patience& patience) {
  for (;;) {
    if (auto message = ORCIO_TRY(Next())) return std::move(*message);
    if (ended_) return Gone(0);
    ORCIO_TRY(WaitForFd(fd_.get(), POLLIN, patience));
  }
}

}  // namespace orcio::inline archiver

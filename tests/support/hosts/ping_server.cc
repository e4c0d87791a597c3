#include "tests/support/hosts/ping_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace orcio::test {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

// Whether there is something to read, or a connection, before `end` is requested.
bool Await(int fd, const std::stop_token& end) {
  while (!end.stop_requested()) {
    pollfd polled{fd, POLLIN, 0};
    if (::poll(&polled, 1, 20) > 0) return true;
  }
  return false;
}

size_t LengthIn(const std::string& head) {
  constexpr std::string_view kField = "\r\nContent-Length: ";
  const size_t at = head.find(kField);
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + kField.size(), nullptr, 10);
}

// False if the other end gave up.
bool Receive(int fd, PingRequest& request, const std::stop_token& end) {
  std::string text;
  for (;;) {
    const size_t head = text.find(kEndOfHead);
    if (head != std::string::npos) {
      request.head = text.substr(0, head);
      request.line = text.substr(0, text.find("\r\n"));
      request.body = text.substr(head + kEndOfHead.size());
      if (request.body.size() >= LengthIn(request.head)) return true;
    }
    std::array<char, 4096> piece{};
    if (!Await(fd, end)) return false;
    const ssize_t got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

}  // namespace

PingServer::PingServer(std::deque<int> answers, std::string location)
    : location_(std::move(location)),
      listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      answers_(std::move(answers)) {
  ::setenv("no_proxy", "127.0.0.1", 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_.get(), any, size) != 0 || ::listen(listening_.get(), 8) != 0 ||
      ::getsockname(listening_.get(), any, &size) != 0) {
    throw std::runtime_error("no server on loopback");
  }
  port_ = ::ntohs(address.sin_port);
  server_ = std::jthread([this](const std::stop_token& end) { Serve(end); });
}

PingServer::~PingServer() {
  server_.request_stop();
  server_.join();
}

std::string PingServer::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<PingRequest> PingServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

std::vector<std::string> PingServer::lines() const {
  std::vector<std::string> lines;
  for (const auto& request : requests())
    lines.push_back(request.line.substr(0, request.line.rfind(" HTTP/")));
  return lines;
}

void PingServer::Serve(const std::stop_token& end) {
  while (Await(listening_.get(), end)) {
    const UniqueFd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) Answer(connection, end);
  }
}

void PingServer::Answer(const UniqueFd& connection, const std::stop_token& end) {
  PingRequest request;
  if (!Receive(connection.get(), request, end)) return;
  int status = 200;
  {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(std::move(request));
    if (!answers_.empty()) {
      status = answers_.front();
      answers_.pop_front();
    }
  }
  if (status == kHang) {
    (void)Await(connection.get(), end);  // until the other end gives up
    return;
  }
  std::string answer = "HTTP/1.1 " + std::to_string(status) + " Said\r\nConnection: close\r\n";
  if (status / 100 == 3) answer += "Location: " + location_ + "\r\n";
  answer += "Content-Length: 3\r\n\r\nOK\n";
  (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
}

}  // namespace orcio::test

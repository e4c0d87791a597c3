#include "tests/support/hosts/link_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <vector>

namespace orcio::test {
namespace {

constexpr size_t kChunk = 65536;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// Appends up to `limit` bytes to `into`. False at the end, and if the link is broken.
bool Receive(const UniqueFd& from, std::string& into, uint64_t limit) {
  if (limit == 0) return true;
  std::array<char, kChunk> buffer{};
  const ssize_t got =
      ::recv(from.get(), buffer.data(), std::min<uint64_t>(limit, buffer.size()), MSG_DONTWAIT);
  if (got > 0) into.append(buffer.data(), static_cast<size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool Send(const UniqueFd& to, std::string& from) {
  if (from.empty()) return true;
  const ssize_t put = ::send(to.get(), from.data(), from.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put > 0) from.erase(0, static_cast<size_t>(put));
  return put > 0 || errno == EAGAIN || errno == EINTR;
}

}  // namespace

LinkProxy::LinkProxy(uint16_t target_port) : target_port_(target_port), listener_(Listening()) {
  if (!listener_.valid()) throw std::runtime_error("the proxy cannot listen");
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

LinkProxy::~LinkProxy() {
  thread_.request_stop();
  thread_.join();
  for (auto& link : links_) Reset(link);
}

void LinkProxy::Pass() {
  Set({});
}
void LinkProxy::CutAfter(uint64_t bytes) {
  Set({Then::kCut, passed_ + bytes, {}, false});
}
void LinkProxy::StallAfter(uint64_t bytes) {
  Set({Then::kStall, passed_ + bytes, {}, false});
}
void LinkProxy::Trickle(uint64_t bytes_per_second) {
  Set({Then::kPass, 0, bytes_per_second, false});
}

void LinkProxy::Refuse() {
  Set({Then::kPass, 0, {}, true});
  for (;;) {  // until the listener has gone
    const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = Loopback(port());
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return;
  }
}

void LinkProxy::Set(const Behaviour& behaviour) {
  std::unique_lock lock(mutex_);
  behaviour_ = behaviour;
  in_force_ = false;
  changed_.wait(lock, [this] { return in_force_; });
}

// To be called when a turn of the loop has taken up what it goes by: the turn before, which may
// have gone by something else, is over.
void LinkProxy::TellInForce(const Behaviour& behaviour) {
  const std::lock_guard lock(mutex_);
  in_force_ = behaviour == behaviour_;
  if (in_force_) changed_.notify_all();
}

// Nothing if it cannot: the proxy's thread has nobody to throw to.
UniqueFd LinkProxy::Listening() const {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const auto address = Loopback(port());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 16) != 0)
    return {};
  return fd;
}

void LinkProxy::Accept(bool connect) {
  Link link;
  link.client =
      UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!link.client.valid()) return;
  if (connect) {
    link.target = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = Loopback(target_port_);
    if (::connect(link.target.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0)
      return;
  }
  links_.push_back(std::move(link));
}

LinkProxy::Behaviour LinkProxy::Current() {
  const std::lock_guard lock(mutex_);
  return behaviour_;
}

void LinkProxy::Loop(const std::stop_token& stop) {
  auto last = std::chrono::steady_clock::now();
  double credit = 0;  // bytes that a trickle may pass
  while (!stop.stop_requested()) {
    const Behaviour behaviour = Current();
    if (behaviour.refuse) listener_.Reset();
    // If that does not work, connections are still refused, and the next turn tries again.
    if (!behaviour.refuse && !listener_.valid()) listener_ = Listening();
    TellInForce(behaviour);
    const uint64_t before = passed_;
    uint64_t allowance = behaviour.then == Then::kPass
                             ? std::numeric_limits<uint64_t>::max()
                             : behaviour.after - std::min(behaviour.after, before);
    const bool stalled = behaviour.then == Then::kStall && allowance == 0;
    const bool cut = behaviour.then == Then::kCut && allowance == 0;
    if (listener_.valid()) Accept(!stalled);
    const auto now = std::chrono::steady_clock::now();
    if (behaviour.bytes_per_second) {
      const auto rate = static_cast<double>(*behaviour.bytes_per_second);
      credit = std::min(credit + std::chrono::duration<double>(now - last).count() * rate, rate);
      allowance = std::min(allowance, static_cast<uint64_t>(credit));
    }
    last = now;
    for (auto link = links_.begin(); link != links_.end();) {
      if (cut) Reset(*link);
      const bool goes_on = !cut && (stalled ? Swallow(*link) : Serve(*link, allowance));
      link = goes_on ? std::next(link) : links_.erase(link);
    }
    credit -= std::min(credit, static_cast<double>(passed_ - before));
    Wait(!stalled && !behaviour.bytes_per_second);
  }
}

// Moves what can be moved, both ways. False once the link is over.
bool LinkProxy::Serve(Link& link, uint64_t& allowance) {
  if (!link.target.valid()) return Swallow(link);
  if (link.to_target.empty() && !Receive(link.client, link.to_target, kChunk)) return false;
  if (link.to_client.empty()) {
    if (!Receive(link.target, link.to_client, allowance)) return false;
    allowance -= link.to_client.size();
    passed_ += link.to_client.size();
  }
  return Send(link.target, link.to_target) && Send(link.client, link.to_client);
}

bool LinkProxy::Swallow(Link& link) {
  std::string gone;
  return Receive(link.client, gone, kChunk);
}

// A short sleep, or less if something comes. A proxy for tests need not be fast.
void LinkProxy::Wait(bool for_targets) {
  std::vector<pollfd> polled;
  if (listener_.valid()) polled.push_back({listener_.get(), POLLIN, 0});
  for (const auto& link : links_) {
    if (link.to_target.empty()) polled.push_back({link.client.get(), POLLIN, 0});
    if (for_targets && link.target.valid() && link.to_client.empty())
      polled.push_back({link.target.get(), POLLIN, 0});
  }
  ::poll(polled.data(), polled.size(), 2);
}

void LinkProxy::Reset(Link& link) {
  const linger now{1, 0};  // close() then sends RST
  for (auto* fd : {&link.client, &link.target}) {
    if (fd->valid()) ::setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd->Reset();
  }
}

}  // namespace orcio::test

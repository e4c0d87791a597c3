#include "archiver/ssh/way/ssh_dial.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/threads/patience.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/sshd_fixture.h"

using orcio::DialFirst;
using orcio::ErrorKind;
using orcio::Patience;
using orcio::test::ReservedPort;

namespace {

// As a name server would have it: each of these, in this order.
class Addresses {
 public:
  Addresses(const std::vector<std::string>& numbers, uint16_t port) {
    addrinfo** end = &first_;
    for (const auto& number : numbers) {
      addrinfo hints{};
      hints.ai_socktype = SOCK_STREAM;
      hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
      REQUIRE(::getaddrinfo(number.c_str(), std::to_string(port).c_str(), &hints, end) == 0);
      owned_.emplace_back(*end, ::freeaddrinfo);
      end = &(*end)->ai_next;
    }
  }
  ~Addresses() {
    for (auto& each : owned_) each->ai_next = nullptr;
  }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;

  [[nodiscard]] const addrinfo* first() const { return first_; }

 private:
  addrinfo* first_ = nullptr;
  std::vector<std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>> owned_;
};

Patience AMinute() {
  return Patience{{}, std::chrono::steady_clock::now() + std::chrono::minutes(1)};
}

}  // namespace

// The last one's error alone was told, which is often that there is no IPv6 here.
TEST_CASE("Where no address of a host answers, the error has what each of them said") {
  const ReservedPort nobody;
  const Addresses addresses({"127.0.0.1", "255.255.255.255", "::1"}, nobody.number());
  const auto dialled = DialFirst(addresses.first(), AMinute());
  REQUIRE_FALSE(dialled.has_value());
  CHECK(dialled.error().kind == ErrorKind::kNetwork);
  CAPTURE(dialled.error().message);
  const std::string& message = dialled.error().message;
  CHECK(message.starts_with("127.0.0.1: Connection refused; 255.255.255.255: "));
  CHECK(message.find("; ::1: ") != std::string::npos);
}

TEST_CASE("Where a host has one address, the error is what that one said") {
  const ReservedPort nobody;
  const Addresses addresses({"127.0.0.1"}, nobody.number());
  const auto dialled = DialFirst(addresses.first(), AMinute());
  REQUIRE_FALSE(dialled.has_value());
  CHECK(dialled.error().errnum == ECONNREFUSED);
  CHECK(dialled.error().message == "Connection refused");
}

TEST_CASE("An address that does not answer leaves the next one its turn") {
  const ReservedPort port;
  const orcio::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const Addresses here({"127.0.0.1"}, port.number());
  REQUIRE(::bind(listener.get(), here.first()->ai_addr, here.first()->ai_addrlen) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const Addresses addresses({"255.255.255.255", "::1", "127.0.0.1"}, port.number());
  REQUIRE_OK(DialFirst(addresses.first(), AMinute()));
}

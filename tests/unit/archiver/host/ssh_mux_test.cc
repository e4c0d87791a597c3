#include "archiver/ssh/client/ssh_mux.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "archiver/ssh/client/ssh_mux_line.h"
#include "base/unique_fd.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

using orcio::ErrorKind;
using orcio::MuxMessage;
using orcio::TakeMuxMessage;
using Kind = orcio::MuxMessage::Kind;

namespace {

// Bytes, from numbers in hexadecimal.
std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += hex[i] == ' ' ? 1 : 2)
    if (hex[i] != ' ') bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

MuxMessage Taken(std::string bytes) {
  const auto message = ValueOf(TakeMuxMessage(bytes));
  REQUIRE(message.has_value());
  CHECK(bytes.empty());
  return *message;
}

}  // namespace

TEST_CASE("What is sent to ssh is as PROTOCOL.mux has it") {
  CHECK(orcio::MuxHello() == Bytes("00000008 00000001 00000004"));
  CHECK(orcio::MuxTerminate() == Bytes("00000008 10000005 00000000"));
  CHECK(orcio::MuxNewSession("ls") ==
        Bytes("0000002a 10000002 00000000 00000000 00000000 00000000 00000000 00000000 ffffffff "
              "00000000 00000002") +
            "ls");
}

TEST_CASE("What ssh sends is understood") {
  const auto hello = Taken(Bytes("00000008 00000001 00000004"));
  CHECK(hello.kind == Kind::kHello);
  CHECK(hello.number == 4);
  // With an extension.
  CHECK(Taken(Bytes("00000011 00000001 00000004 00000001 78 00000000")).kind == Kind::kHello);
  CHECK(Taken(Bytes("0000000c 80000006 00000000 00000002")).kind == Kind::kOpened);
  const auto exit = Taken(Bytes("0000000c 80000004 00000002 000000ff"));
  CHECK(exit.kind == Kind::kExit);
  CHECK(exit.number == 255);
  for (const std::string type : {"80000002", "80000003"}) {
    const auto refused = Taken(Bytes("0000000e" + type + "00000000 00000002 6e6f"));
    CHECK(refused.kind == Kind::kRefused);
    CHECK(refused.reason == "no");
  }
  CHECK(Taken(Bytes("00000008 80000008 00000002")).kind == Kind::kOther);
}

TEST_CASE("A message that is cut anywhere is waited for, and the next one is left alone") {
  const std::string whole = Bytes("0000000e 80000003 00000000 00000002 6e6f");
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string bytes = whole.substr(0, size);
    CHECK_FALSE(ValueOf(TakeMuxMessage(bytes)).has_value());
    CHECK(bytes == whole.substr(0, size));
  }
  std::string two = whole + "rest";
  CHECK(ValueOf(TakeMuxMessage(two)).has_value());
  CHECK(two == "rest");
}

TEST_CASE("What cannot be a message is an error") {
  for (const std::string hex :
       {"00100000", "00000000", "00000002 8000", "00000004 80000004", "00000008 80000004 00000002",
        "00000004 00000001", "0000000c 80000003 00000000 00000002",
        "0000000d 80000003 00000000 ffffffff 78"}) {
    CAPTURE(hex);
    std::string bytes = Bytes(hex);
    const auto message = TakeMuxMessage(bytes);
    REQUIRE_FALSE(message.has_value());
    CHECK(message.error().kind == ErrorKind::kInvalid);
  }
}

// The line stays silent after that if a daemon holds the command's output open.
TEST_CASE("A status that comes in with the answer to a request is there to be taken") {
  const orcio::test::ScratchDirectory scratch;
  const std::string path = scratch / "s";
  const orcio::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const std::string all = Bytes(
      "00000008 00000001 00000004 0000000c 80000006 00000000 00000002 0000000c 80000004 00000002 "
      "00000004");
  orcio::UniqueFd server;
  const std::jthread answering([&] {
    server = orcio::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    (void)::send(server.get(), all.data(), all.size(), MSG_NOSIGNAL);
  });
  const orcio::Patience patience{{}, std::chrono::steady_clock::now() + std::chrono::minutes(1)};
  auto line = ValueOf(orcio::SshMuxLine::Open(path, patience));
  CHECK(ValueOf(line.Await(patience)).kind == Kind::kOpened);
  const auto exit = ValueOf(line.Received());
  REQUIRE(exit.has_value());
  CHECK(exit->kind == Kind::kExit);
  CHECK(exit->number == 4);
  CHECK_FALSE(ValueOf(line.Received()).has_value());
}

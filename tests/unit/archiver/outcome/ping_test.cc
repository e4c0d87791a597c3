#include "archiver/local/ping.h"

#include <thread>

#include "tests/support/catch.h"
#include "tests/support/hosts/ping_server.h"
#include "tests/support/hosts/sshd_fixture.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;
using test::PingServer;

constexpr PingPatience kQuick{std::chrono::milliseconds(200'000), 3, std::chrono::milliseconds(50)};
constexpr PingPatience kHasty{std::chrono::milliseconds(300), 3, std::chrono::milliseconds(50)};

const std::stop_token kNever;

std::string WhyNot(const std::string& url, const PingPatience& patience = kQuick,
                   const std::stop_token& stop = kNever) {
  const auto told = Ping(url, PingEvent::kSuccess, "body", patience, stop);
  REQUIRE_FALSE(told);
  CHECK(told.error().message.find("secret") == std::string::npos);
  return told.error().message;
}

std::vector<std::string> Times(size_t times, const std::string& line) {
  return std::vector<std::string>(times, line);
}

}  // namespace

TEST_CASE("A ping is a POST to the URL, its start or its failure, with the body") {
  const PingServer server;
  const std::string url = server.Url("/secret");
  REQUIRE_OK(Ping(url, PingEvent::kStart, "", kQuick, kNever));
  REQUIRE_OK(Ping(url, PingEvent::kSuccess, "wiki: done\n", kQuick, kNever));
  REQUIRE_OK(Ping(url, PingEvent::kFailure, std::string(100'000, 'x'), kQuick, kNever));
  CHECK(server.lines() ==
        std::vector<std::string>{"POST /secret/start", "POST /secret", "POST /secret/fail"});
  CHECK(server.requests()[0].body.empty());
  CHECK(server.requests()[1].body == "wiki: done\n");
  CHECK(server.requests()[2].body == std::string(100'000, 'x'));
  CHECK(server.requests()[1].head.find("\r\nContent-Type: text/plain") != std::string::npos);
}

TEST_CASE("What a ping adds comes before a URL's query, and after its slash") {
  const PingServer server;
  REQUIRE_OK(Ping(server.Url("/secret/?rid=a%2Fb#here"), PingEvent::kStart, "", kQuick, kNever));
  CHECK(server.lines() == std::vector<std::string>{"POST /secret/start?rid=a%2Fb"});
}

TEST_CASE("A ping that is answered with 500 is tried three times") {
  const PingServer server({500, 500});
  REQUIRE_OK(Ping(server.Url("/secret"), PingEvent::kSuccess, "body", kQuick, kNever));
  CHECK(server.lines() == Times(3, "POST /secret"));
  CHECK(server.requests()[2].body == "body");

  const PingServer broken({500, 503, 500, 500});
  CHECK(WhyNot(broken.Url("/secret")) ==
        "the ping of 127.0.0.1 failed 3 times: answered with status 500");
  CHECK(broken.lines().size() == 3);
}

TEST_CASE("A ping of what is not there is tried once") {
  const PingServer server({404});
  CHECK(WhyNot(server.Url("/secret")) == "the ping of 127.0.0.1 failed: answered with status 404");
  CHECK(server.lines().size() == 1);
}

TEST_CASE("A ping that is never answered is given up, and tried again") {
  const PingServer server({PingServer::kHang, PingServer::kHang, PingServer::kHang});
  const auto begun = Clock::now();
  CHECK(WhyNot(server.Url("/secret"), kHasty).find("failed 3 times: Timeout") != std::string::npos);
  CHECK(Clock::now() - begun >= std::chrono::milliseconds(900));
  // However little of such a time this machine has for it, one of many tries comes through.
  const PingServer wakes({PingServer::kHang});
  PingPatience stubborn = kHasty;
  stubborn.tries = 1000;
  stubborn.pause = {};
  REQUIRE_OK(Ping(wakes.Url("/secret"), PingEvent::kSuccess, "body", stubborn, kNever));
  CHECK(wakes.lines().size() > 1);
}

TEST_CASE("A ping that something waits for is given up within seconds") {
  const PingServer server({PingServer::kHang});
  const auto begun = Clock::now();
  CHECK(WhyNot(server.Url("/secret"), kOneQuickPing).find("failed: Timeout") != std::string::npos);
  CHECK(Clock::now() - begun < std::chrono::seconds(60));
}

TEST_CASE("A ping to a closed port fails, with the reason") {
  const test::ReservedPort nobody;
  const std::string why = WhyNot("http://127.0.0.1:" + std::to_string(nobody.number()) + "/secret");
  CHECK(why.find("failed 3 times") != std::string::npos);
  CHECK(why.find("Connection refused") != std::string::npos);
}

TEST_CASE("A stop request ends a ping's tries") {
  std::stop_source stop;
  stop.request_stop();
  const PingServer server({500});
  (void)WhyNot(server.Url("/secret"), kQuick, stop.get_token());
  CHECK(server.lines().size() == 1);
}

TEST_CASE("A ping follows a redirect, and stays a POST") {
  const PingServer server({301}, "/elsewhere");
  REQUIRE_OK(Ping(server.Url("/secret"), PingEvent::kSuccess, "body", kQuick, kNever));
  CHECK(server.lines() == std::vector<std::string>{"POST /secret", "POST /elsewhere"});
  CHECK(server.requests()[1].body == "body");
}

TEST_CASE("A ping is redirected neither to another protocol nor without an end") {
  for (const std::string location :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"}) {
    const PingServer server({302}, location);
    INFO(location);
    CHECK(WhyNot(server.Url("/secret")).find("protocol") != std::string::npos);
    CHECK(server.lines().size() == 1);
  }
  const PingServer server({302, 302, 302, 302, 302, 302}, "/secret");
  (void)WhyNot(server.Url("/secret"), PingPatience{kQuick.each, 1, {}});
  CHECK(server.lines().size() == 4);
}

TEST_CASE("What is no URL for a ping is refused, without a word of it") {
  for (const std::string url :
       {"ftp://example.org/secret", "file:///secret", "secret", "example.org/secret", "https://",
        "http://exa mple.org/secret", "javascript:secret"}) {
    INFO(url);
    const auto sound = CheckPingUrl(url);
    REQUIRE_FALSE(sound);
    CHECK(sound.error().kind == ErrorKind::kInvalid);
    CHECK(sound.error().message.find("secret") == std::string::npos);
  }
  REQUIRE_OK(CheckPingUrl("https://hc-ping.com/2b8f6c2e"));
  REQUIRE_OK(CheckPingUrl("http://user:password@[::1]:8000/ping/x?y=z"));
}

}  // namespace orcio

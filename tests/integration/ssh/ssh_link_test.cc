// Bad links to a real sshd on loopback, and links that only look so.

#include <signal.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <list>
#include <optional>
#include <thread>

#include "tests/integration/ssh/ssh_scene.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// How long `what` takes, against the clock of a machine that may be busy.
std::chrono::milliseconds TimeOf(const std::function<void()>& what) {
  const auto start = steady_clock::now();
  what();
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
}

// What a host sends until it has let us in, and a little more.
uint64_t BytesOfLogin(const SshdFixture& sshd) {
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy));
  return proxy.passed();
}

}  // namespace

TEST_CASE("A port where nobody listens is told from a name that does not resolve") {
  HostConfig config;
  config.name = "atena";
  config.address = "127.0.0.1";
  const ReservedPort nobody;
  config.port = nobody.number();
  const Error refused = ConnectError(config);
  CHECK(refused.kind == ErrorKind::kNetwork);
  CHECK(refused.errnum == ECONNREFUSED);
  CHECK(Mentions(refused, "atena"));
  // No name server is asked: it is an alias (gethostbyname(3)) of what is longer than a part of a
  // name may be (RFC 1035, 2.3.4).
  const ScratchDirectory scratch;
  std::ofstream(scratch / "aliases") << "nowhere " << std::string(64, 'h') << ".invalid\n";
  const Variable aliases("HOSTALIASES", scratch / "aliases");
  config.address = "nowhere";
  const Error unresolved = ConnectError(config);
  CHECK(unresolved.kind == ErrorKind::kNetwork);
  CHECK(Mentions(unresolved, "nowhere does not resolve"));
}

TEST_CASE("A host that accepts and says nothing times out, and so does one that stops midway") {
  const SshdFixture sshd;
  const uint64_t login = BytesOfLogin(sshd);
  // All at once: each waits for as long as a login may take on a busy machine.
  struct Attempt {
    Attempt(const SshdFixture& sshd, uint64_t passed) : bytes(passed), proxy(sshd.port()) {
      HostConfig config = Through(sshd, proxy);
      config.connect_timeout = 25s;
      proxy.StallAfter(passed);
      ended =
          std::async(std::launch::async, [config] { return MakeSshHost(config)->Connect(kNever); });
    }
    uint64_t bytes;
    LinkProxy proxy;
    std::future<Result<void>> ended;
  };
  const auto start = steady_clock::now();
  std::list<Attempt> attempts;
  for (const unsigned percent : {0U, 1U, 30U, 50U, 70U})
    attempts.emplace_back(sshd, login * percent / 100);
  for (auto& attempt : attempts) {
    CAPTURE(attempt.bytes, login);
    const auto connected = attempt.ended.get();
    REQUIRE_FALSE(connected.has_value());
    CHECK(connected.error().kind == ErrorKind::kNetwork);
    CHECK(connected.error().errnum == ETIMEDOUT);
    CHECK(attempt.proxy.passed() == attempt.bytes);
  }
  CHECK(steady_clock::now() - start < kAtMost);  // and not for ever
}

TEST_CASE("A link that is cut while logging in is an error") {
  const SshdFixture sshd;
  const uint64_t bytes = BytesOfLogin(sshd) * uint64_t{GENERATE(0U, 1U, 30U, 50U, 70U)} / 100;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  proxy.CutAfter(bytes);
  CHECK(ConnectError(config).kind == ErrorKind::kNetwork);
}

TEST_CASE("A link that is cut in a stream is an error, wherever it is cut") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy));
  CheckCutInStream(*host, proxy, uint64_t{GENERATE(1U, 100000U, 5000000U)});
}

TEST_CASE("A link that stalls is noticed, in a stream and in a command") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const auto host = Connected(Through(sshd, proxy), kImpatient);
  std::optional<Error> error;
  const bool stream = GENERATE(true, false);
  const auto time = TimeOf([&] {
    DigestSink sink;
    proxy.StallAfter(stream ? 3000000 : 0);
    const auto result = stream ? host->Stream("cat /dev/zero", sink, {}, kNever)
                               : host->Run("sleep 90", {}, kNever);
    REQUIRE_FALSE(result.has_value());
    error = result.error();
  });
  CHECK(error->kind == ErrorKind::kNetwork);
  CHECK(error->errnum == ETIMEDOUT);
  CHECK(time >= 2s);
  CHECK(time < kAtMost);
}

TEST_CASE("An sshd that hangs is noticed while the kernel still answers for it") {
  const SshdFixture sshd;
  const auto host = Connected(sshd.Config(), kImpatient);
  const auto time = TimeOf([&] {
    MemorySink sink;
    sink.on_commit = [&] { sshd.SignalSessions(SIGSTOP); };
    const auto result = host->Stream("echo first; exec sleep 90", sink, {}, kNever);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::kNetwork);
  });
  CHECK(time >= 2s);
  CHECK(time < kAtMost);
  sshd.SignalSessions(SIGCONT);
}

TEST_CASE("Silence, a slow sink and a slow link are no dead link, however long they last") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  // All at once, as each has to last for longer than it takes to call a link dead; and that is as
  // long as elsewhere, so that a busy machine's silence is none of the test's.
  const std::chrono::seconds longer = SshOptions{}.dead_link_timeout + 2s;
  const std::string sleep = "sleep " + std::to_string(longer.count()) + "; ";
  const auto start = [](const std::shared_ptr<RemoteHost>& host, auto use) {
    return std::async(std::launch::async, [host, use] { return use(*host); });
  };
  auto silent_stream =
      start(Connected(sshd.Config()), [&](RemoteHost& host) -> Result<std::string> {
        MemorySink sink;
        ORCIO_TRY(host.Stream(sleep + "echo late", sink, {}, kNever));
        return sink.bytes;
      });
  auto silent_command = start(Connected(sshd.Config()), [&](RemoteHost& host) {
    return host.Run(sleep + "echo late", {}, kNever);
  });
  auto between_commands = start(Connected(sshd.Config()), [&](RemoteHost& host) {
    std::this_thread::sleep_for(longer);
    return host.Run("echo late", {}, kNever);
  });
  auto slow_sink = start(Connected(sshd.Config()), [&](RemoteHost& host) -> Result<size_t> {
    MemorySink sink;
    sink.on_commit = [&, slept = false]() mutable {
      if (!slept) std::this_thread::sleep_for(longer);
      slept = true;
    };
    ORCIO_TRY(host.Stream("head -c 30000000 /dev/zero", sink, {}, kNever));
    return sink.bytes.size();
  });
  const uint64_t per_second = 10000;
  const auto count = static_cast<uint64_t>(longer.count()) * per_second;
  const auto slow = Connected(Through(sshd, proxy));
  proxy.Trickle(per_second);
  MemorySink trickled;
  REQUIRE_OK(slow->Stream("head -c " + std::to_string(count) + " /dev/zero", trickled, {}, kNever));
  CHECK(trickled.bytes.size() == count);
  CHECK(ValueOf(silent_stream.get()) == "late\n");
  CHECK(ValueOf(silent_command.get()).out == "late\n");
  CHECK(ValueOf(between_commands.get()).out == "late\n");
  CHECK(ValueOf(slow_sink.get()) == 30000000);
}

TEST_CASE("A request to stop ends a command, a stream and a connection attempt at once") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  std::stop_source source;
  const int which = GENERATE(0, 1, 2, 3);
  CAPTURE(which);
  const auto host = which < 2 ? Connected(config) : MakeSshHost(config);
  if (which == 2) proxy.StallAfter(0);
  // Each would go on for longer than that by itself, or for ever.
  const auto begun = sshd.directory() / "pid_of_command";
  std::jthread stopper([&](const std::stop_token& over) {
    while (which == 0 && !std::filesystem::exists(begun) && !over.stop_requested())
      std::this_thread::sleep_for(5ms);
    if (which == 2) std::this_thread::sleep_for(300ms);  // it cannot have connected meanwhile
    if (which == 0 || which == 2) source.request_stop();
  });
  MemorySink sink;
  sink.on_commit = [&] { source.request_stop(); };
  if (which == 3) source.request_stop();
  std::optional<ErrorKind> kind;
  const auto start = steady_clock::now();
  switch (which) {
    case 0:
      kind = host->Run(TellPid(begun) + "exec sleep 90", {}, source.get_token()).error().kind;
      break;
    case 1:
      kind = host->Stream("cat /dev/zero", sink, {}, source.get_token()).error().kind;
      break;
    default:
      kind = host->Connect(source.get_token()).error().kind;
  }
  CHECK(steady_clock::now() - start < kAtMost);
  CHECK(kind == ErrorKind::kCancelled);
}

TEST_CASE("Connecting again uses the connection there is, or makes one where it died") {
  SshdFixture sshd;
  const auto host = Connected(sshd.Config());
  const auto session = ValueOf(host->Run("echo $PPID", {}, kNever)).out;
  REQUIRE_OK(host->Connect(kNever));
  CHECK(sshd.Sessions().size() == 1);
  sshd.SignalSessions(SIGSTOP);
  REQUIRE_OK(host->Connect(kNever));
  CHECK(ValueOf(host->Run("echo new", {}, kNever)).out == "new\n");
  sshd.Stop();
  CheckComesAndGoes(*host, sshd);
}

TEST_CASE("A refused link shows at once") {
  const SshdFixture sshd;
  LinkProxy proxy(sshd.port());
  const HostConfig config = Through(sshd, proxy);
  proxy.Refuse();
  CHECK(ConnectError(config).errnum == ECONNREFUSED);
  proxy.Pass();
}

}  // namespace orcio::test

#include "archiver/host/framed_host.h"

#include <chrono>
#include <memory>
#include <string>

#include "archiver/host/shell_check.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"

namespace orcio::test {
namespace {

// A host that runs `before` in the shell before each command, and `after` after it.
class Talking : public LocalHost {
 public:
  explicit Talking(std::string before, std::string after = {})
      : LocalHost("atena"), before_(std::move(before)), after_(std::move(after)) {}

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    return LocalHost::Run(Line(command), options, stop);
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    return LocalHost::Stream(Line(command), sink, options, stop);
  }

 private:
  [[nodiscard]] std::string Line(const std::string& command) const {
    return before_ + "\n" + command + "\n" + after_;
  }
  std::string before_, after_;
};

std::unique_ptr<RemoteHost> Framed(const std::string& before, const std::string& after = {}) {
  return MakeFramedHost(std::make_unique<Talking>(before, after), {});
}

// With a small buffer, as a queue has it that is nearly full.
class TextSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span<std::byte>(buffer_); }
  Result<void> Commit(size_t bytes) override {
    text.append(reinterpret_cast<const char*>(buffer_.data()), bytes);
    return {};
  }
  std::string text;

 private:
  std::array<std::byte, 7> buffer_{};
};

bool Mentions(const Error& error, const std::string& part) {
  INFO(error.message);
  return error.message.find(part) != std::string::npos;
}

const std::string kBinary = "printf 'a\\000b\\377\\n\\norcio-begin\\nc'";
const std::string kBinaryOut("a\0b\xff\n\norcio-begin\nc", 19);

}  // namespace

// It was "docker's answer makes no sense: welcome", and a tar that made none at offset 0.
TEST_CASE("What a login shell prints is in no answer, and in no stream") {
  const std::string before =
      GENERATE(as<std::string>(), ":", "echo welcome; echo warning >&2", "printf 'no newline'",
               "printf 'no newline' >&2", "head -c 65000 /dev/zero", "set -x",
               "printf '\\norcio-begi'", "head -c 200000 /dev/zero >&2");
  const auto host = Framed(before);
  const auto result = ValueOf(host->Run("set +x; " + kBinary + "; exit 4", {}, {}));
  CHECK(result.begun);
  CHECK(result.exit_status == 4);
  CHECK(result.out == kBinaryOut);
  const auto quiet = ValueOf(host->Run("{ set +x; } 2>/dev/null; echo mine >&2", {}, {}));
  CHECK(quiet.err == "mine\n");
  TextSink sink;
  const auto streamed = ValueOf(host->Stream(kBinary + "; exit 5", sink, {}, {}));
  CHECK(streamed.exit_status == 5);
  CHECK(sink.text == kBinaryOut);
  CHECK(streamed.out.empty());
}

TEST_CASE("More than 64 KiB before a command begins are an error that says what they were") {
  const auto host = Framed("yes 'welcome home' | head -n 10000");
  TextSink sink;
  for (const bool streams : {false, true}) {
    const auto result = streams ? host->Stream("true", sink, {}, {}) : host->Run("true", {}, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::kRemote);
    CHECK(Mentions(result.error(), "atena: more than 64 KiB"));
    CHECK(Mentions(result.error(), "welcome home"));
  }
  CHECK(sink.text.empty());
}

TEST_CASE("Something that ran in a command's place is no answer") {
  const auto host = Framed("echo you are in the menu; exit 0");
  TextSink sink;
  for (const bool streams : {false, true}) {
    const auto result = streams ? host->Stream("true", sink, {}, {}) : host->Run("true", {}, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::kRemote);
    CHECK(Mentions(result.error(), "you are in the menu"));
    CHECK(Mentions(result.error(), "ForceCommand"));
  }
  CHECK(sink.text.empty());
}

TEST_CASE("What refuses to run a command is told from a command that fails") {
  const auto refusing = Framed("echo 'sudo: a password is required' >&2; exit 1");
  const auto refused = ValueOf(refusing->Run("true", {}, {}));
  CHECK_FALSE(refused.begun);
  CHECK(refused.exit_status == 1);
  CHECK(refused.err == "sudo: a password is required\n");
  TextSink sink;
  const auto streamed = ValueOf(Framed("echo no shell; exit 1")->Stream("true", sink, {}, {}));
  CHECK_FALSE(streamed.begun);
  CHECK(streamed.out == "no shell\n");
  CHECK(sink.text.empty());
  CHECK(ValueOf(Framed(":")->Run("exit 1", {}, {})).begun);
}

TEST_CASE("A start-up file that reads or closes its standard input is refused") {
  const std::string before = GENERATE(as<std::string>(), "cat >/dev/null", "read x; echo \"$x\"",
                                      "head -c 1 >/dev/null", "exec </dev/null", "exec <&-",
                                      "cat >/dev/null; echo welcome", "while read x; do :; done");
  CAPTURE(before);
  const auto checked = CheckShell(*Framed(before), {});
  REQUIRE_FALSE(checked);
  CHECK(checked.error().kind == ErrorKind::kRemote);
  CHECK(Mentions(checked.error(), "atena: what is sent to a command there"));
  CHECK(Mentions(checked.error(), "~/.bashrc"));
  // Where nothing is sent, that is worth a word and no more.
  std::optional<std::string> taken;
  REQUIRE_OK(CheckShell(*Framed(before), {}, &taken));
  REQUIRE(taken);
  CHECK(taken->find("no guard") != std::string::npos);
}

TEST_CASE("A start-up file that is strict or talks or leaves its standard input alone is fine") {
  const std::string before = GENERATE(
      as<std::string>(), ":", "echo welcome; echo warning >&2", "printf 'no newline'", "set -eu",
      "set -x", "TMOUT=1; export TMOUT", "cat </dev/null", "sleep 0.1 &", "cat >/dev/null &");
  CAPTURE(before);
  const auto checked = CheckShell(*Framed(before), {});
  INFO((checked ? std::string() : checked.error().message));
  CHECK(checked.has_value());
}

TEST_CASE("A start-up file that runs something else is refused and that is fed no commands") {
  const auto other = CheckShell(*Framed("exec sh"), {});
  REQUIRE_FALSE(other);
  CHECK(Mentions(other.error(), "never ran"));
  const auto failed = CheckShell(*Framed("set -e; false"), {});
  REQUIRE_FALSE(failed);
  CHECK(Mentions(failed.error(), "no command runs there (exit status 1)"));
  std::optional<std::string> none;
  REQUIRE_OK(CheckShell(*Framed(":"), {}, &none));
  CHECK_FALSE(none);
  CHECK_FALSE(CheckShell(*Framed("exec sh"), {}, &none));
  const auto after = CheckShell(*Framed(":", "echo good bye"), {});
  REQUIRE_FALSE(after);
  CHECK(Mentions(after.error(), "(good bye)"));
}

TEST_CASE("A shell is slow from five seconds on and a sign of life may take half the silence") {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  CHECK_FALSE(SlowShell("atena", milliseconds(4999)));
  const auto slow = SlowShell("atena", seconds(20));
  REQUIRE(slow);
  CHECK(slow->starts_with("atena: every command takes 20"));
  CHECK(LongestBeat(seconds(30)) == seconds(10));
  CHECK(LongestBeat(seconds(12)) == seconds(6));
  CHECK(LongestBeat(seconds(1)) == seconds(1));
}

TEST_CASE("The limit of an output is that of the command's own") {
  const auto host = Framed("head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2");
  RunOptions options;
  options.max_output = 10;
  const auto whole = ValueOf(host->Run("printf 0123456789", options, {}));
  CHECK(whole.out == "0123456789");
  CHECK_FALSE(whole.out_truncated);
  const auto cut = ValueOf(host->Run("printf 0123456789x; echo 0123456789 >&2", options, {}));
  CHECK(cut.out == "0123456789");
  CHECK(cut.out_truncated);
  CHECK(cut.err == "0123456789");
  CHECK(cut.err_truncated);
}

}  // namespace orcio::test

#include "tests/support/hosts/local_host.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

class StringSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span<std::byte>(buffer_); }
  Result<void> Commit(size_t bytes) override {
    text.append(reinterpret_cast<const char*>(buffer_.data()), bytes);
    if (text.size() > limit) return Fail(ErrorKind::kIo, "the sink is full");
    return {};
  }
  std::string text;
  size_t limit = size_t{1} << 30;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(4096);
};

}  // namespace

TEST_CASE("The local host gives a command's outputs, input and exit status") {
  test::LocalHost host("atena", {{"ORCIO_TEST", "value"}});
  RunOptions options;
  options.input = std::string(300000, 'x');
  const auto result = ValueOf(host.Run("cat; echo $ORCIO_TEST >&2; exit 3", options, {}));
  CHECK(result.out == std::string(300000, 'x'));
  CHECK(result.err == "value\n");
  CHECK(result.exit_status == 3);
  CHECK_FALSE(result.signal.has_value());
  CHECK(host.name() == "atena");
  CHECK(host.commands().size() == 1);
}

TEST_CASE("The local host says which signal ended a command") {
  const auto result = ValueOf(test::LocalHost().Run("kill -9 $$", {}, {}));
  CHECK(result.exit_status == 137);
  CHECK(result.signal == "KILL");
}

TEST_CASE("The local host keeps the first bytes of a long output and says so") {
  RunOptions options;
  options.max_output = 9;
  const auto result =
      ValueOf(test::LocalHost().Run("yes | head -c 100000; yes no | head -c 9 >&2", options, {}));
  CHECK(result.out == "y\ny\ny\ny\ny");
  CHECK(result.out_truncated);
  CHECK(result.err == "no\nno\nno\n");
  CHECK_FALSE(result.err_truncated);
}

TEST_CASE("The local host ends a command at its time-out") {
  RunOptions options;
  options.timeout = std::chrono::seconds(1);
  const auto result = test::LocalHost().Run("sleep 600", options, {});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
}

TEST_CASE("The local host ends a command on a stop request") {
  std::stop_source source;
  source.request_stop();
  const auto result = test::LocalHost().Run("sleep 600", {}, source.get_token());
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kCancelled);
}

TEST_CASE("The local host streams a command's output into a sink") {
  StringSink sink;
  const auto result =
      ValueOf(test::LocalHost().Stream("head -c 1000000 /dev/zero; exit 2", sink, {}, {}));
  CHECK(sink.text == std::string(1000000, '\0'));
  CHECK(result.out.empty());
  CHECK(result.exit_status == 2);
}

TEST_CASE("The local host ends a stream with its sink's error") {
  StringSink sink;
  sink.limit = 10000;
  const auto result = test::LocalHost().Stream("yes", sink, {}, {});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message == "the sink is full");
}

}  // namespace orcio

#include "archiver/host/host_time.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

std::string Seconds(const std::optional<HostTime>& time) {
  return time ? DockerSeconds(*time) : "none";
}

}  // namespace

TEST_CASE("Docker's times are compared with what `date` says, to the nanosecond") {
  CHECK(Seconds(ParseDockerTime("2026-02-25T06:13:20.123456789Z")) == "1772000000.123456789");
  CHECK(Seconds(ParseDockerTime("2026-02-25T06:13:20.5Z")) == "1772000000.500000000");
  CHECK(Seconds(ParseDockerTime("2026-02-25T06:13:20Z")) == "1772000000.000000000");
  const auto now = ParseHostNow("1772000000.5");
  REQUIRE(now);
  CHECK(Seconds(now->earliest) == "1772000000.500000000");
  CHECK(now->latest == now->earliest);
}

TEST_CASE("A clock that tells whole seconds is somewhere within one") {
  for (const char* line : {"1772000000", "1772000000.", "1772000000.%N", "1772000000.N"}) {
    CAPTURE(line);
    const auto now = ParseHostNow(line);
    REQUIRE(now);
    CHECK(Seconds(now->earliest) == "1772000000.000000000");
    CHECK(Seconds(now->latest) == "1772000001.000000000");
  }
}

TEST_CASE("What is no time is none") {
  for (const char* text :
       {"", "Z", "0001-01-01T00:00:00Z", "2026-02-25T06:13:20", "2026-02-30T06:13:20Z",
        "2026-02-25T24:13:20Z", "2026-02-25T06:13:20.Z", "2026-02-25T06:13:20.1234567890Z",
        "2026-02-25T06:13:20,5Z", "2026-02-25T06:13:20+01:00", "9999-02-25T06:13:20Z",
        "2026-02-25 06:13:20Z", "-026-02-25T06:13:20Z", "2026-2-25T006:13:20Z"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseDockerTime(text));
  }
  for (const char* line : {"", ".5", "now", "-1", "99999999999", "17720000000000000000", "1 772"}) {
    CAPTURE(line);
    CHECK_FALSE(ParseHostNow(line));
  }
}

}  // namespace orcio

#include "cli/output/progress.h"
#include "tests/support/catch.h"

namespace orcio::cli {
namespace {

using std::chrono::milliseconds;
constexpr uint64_t kMiB = uint64_t{1} << 20;

}  // namespace

TEST_CASE("A rate is that of the last ten seconds, and unknown at first") {
  RateMeter meter;
  const RateMeter::Clock::time_point begin{};
  CHECK_FALSE(meter.rate());
  meter.Note(0, begin);
  CHECK_FALSE(meter.rate());
  meter.Note(25, begin + milliseconds(50));
  CHECK_FALSE(meter.rate());
  meter.Note(100, begin + milliseconds(200));
  CHECK(meter.rate() == Approx(500));
  // 100 bytes a second for a minute, then 1000.
  uint64_t done = 100;
  int at = 200;
  for (; at < 60'000; at += 50) meter.Note(done += 5, begin + milliseconds(at));
  CHECK(*meter.rate() == Approx(100).epsilon(0.02));
  for (const int end = at + 11'000; at < end; at += 50)
    meter.Note(done += 50, begin + milliseconds(at));
  CHECK(*meter.rate() == Approx(1000).epsilon(0.02));
}

TEST_CASE("A rate falls while nothing comes, and begins anew with something else") {
  RateMeter meter;
  const RateMeter::Clock::time_point begin{};
  meter.Note(0, begin);
  meter.Note(1000, begin + milliseconds(1000));
  meter.Note(1000, begin + milliseconds(4000));
  CHECK(*meter.rate() == Approx(250));
  meter.Note(1000, begin + milliseconds(60'000));
  meter.Note(1000, begin + milliseconds(61'000));
  CHECK(*meter.rate() == 0);
  meter.Note(10, begin + milliseconds(62'000));
  CHECK_FALSE(meter.rate());
  meter.Note(510, begin + milliseconds(62'500));
  CHECK(*meter.rate() == Approx(1000));
}

TEST_CASE("Progress is told with what is known of it") {
  CHECK(ProgressText(kMiB, {}, std::nullopt) == "1.0 MiB");
  CHECK(ProgressText(kMiB, {}, 2.0 * kMiB) == "1.0 MiB, 2.0 MiB/s");
  CHECK(ProgressText(kMiB, {4 * kMiB}, std::nullopt) == "1.0 MiB of 4.0 MiB");
  CHECK(ProgressText(kMiB, {61 * kMiB}, 2.0 * kMiB) == "1.0 MiB of 61.0 MiB, 2.0 MiB/s, 30 s left");
  CHECK(ProgressText(kMiB, {61 * kMiB, true}, 2.0 * kMiB) ==
        "1.0 MiB of about 61.0 MiB, 2.0 MiB/s, about 30 s left");
  // More than last time: nobody knows how much.
  CHECK(ProgressText(5 * kMiB, {4 * kMiB, true}, 2.0 * kMiB) == "5.0 MiB, 2.0 MiB/s");
  CHECK(ProgressText(4 * kMiB, {4 * kMiB}, 2.0 * kMiB) == "4.0 MiB of 4.0 MiB, 2.0 MiB/s");
  CHECK(ProgressText(0, {4 * kMiB}, 0.0) == "0 B of 4.0 MiB, 0 B/s");
  CHECK(ProgressText(0, {uint64_t{1} << 60}, 2.0) == "0 B of 1.0 EiB, 2 B/s");
}

TEST_CASE("A name of several is counted") {
  CHECK(NameOfMany("wiki.tar.gz", 1, 1) == "wiki.tar.gz");
  CHECK(NameOfMany("wiki.tar.gz", 3, 12) == "[3/12] wiki.tar.gz");
}

TEST_CASE("What does not fit a terminal is cut, and never within a character") {
  CHECK(FirstColumns("caf\u00e9 wiki", 20) == "caf\u00e9 wiki");
  CHECK(FirstColumns("caf\u00e9 wiki", 4) == "caf\u00e9");
  CHECK(FirstColumns("caf\u00e9 wiki", 3) == "caf");
  CHECK(FirstColumns("\U0001F600\U0001F600", 1) == "\U0001F600");
  CHECK(FirstColumns("wiki", 0).empty());
}

}  // namespace orcio::cli

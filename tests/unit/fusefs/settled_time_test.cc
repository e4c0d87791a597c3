#include "fusefs/system/settled_time.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

using std::chrono::milliseconds;

// 2026-11-23T02:00:00Z, in nanoseconds.
constexpr int64_t kWholeSecond = int64_t{1'795'399'200} * 1'000'000'000;

// Looks of no duration, at times of one's own.
class Looks {
 public:
  [[nodiscard]] bool Settled(int64_t time_ns, milliseconds at) {
    const SettledTime::Clock::time_point now(at);
    return settled_.See(time_ns, {.begun = now, .ended = now});
  }

 private:
  SettledTime settled_;
};

}  // namespace

TEST_CASE("A time of whole seconds settles once it was seen for two seconds, as FAT has them") {
  // It settled a tenth of a second after the time itself: what came in the rest of the second
  // stayed invisible.
  Looks looks;
  CHECK_FALSE(looks.Settled(kWholeSecond, milliseconds(0)));
  CHECK_FALSE(looks.Settled(kWholeSecond, milliseconds(900)));
  CHECK_FALSE(looks.Settled(kWholeSecond, milliseconds(1999)));
  CHECK(looks.Settled(kWholeSecond, milliseconds(2100)));
  CHECK(looks.Settled(kWholeSecond, milliseconds(5000)));
}

TEST_CASE("A time of nanoseconds settles after some ticks of the kernel's clock") {
  Looks looks;
  CHECK_FALSE(looks.Settled(kWholeSecond + 1, milliseconds(0)));
  CHECK_FALSE(looks.Settled(kWholeSecond + 1, milliseconds(10)));
  CHECK(looks.Settled(kWholeSecond + 1, milliseconds(100)));
}

TEST_CASE("Another time has to settle anew, an earlier one too") {
  Looks looks;
  CHECK_FALSE(looks.Settled(kWholeSecond, milliseconds(0)));
  CHECK(looks.Settled(kWholeSecond, milliseconds(3000)));
  CHECK_FALSE(looks.Settled(kWholeSecond - 1, milliseconds(3000)));
  CHECK_FALSE(looks.Settled(kWholeSecond, milliseconds(6000)));
  CHECK(looks.Settled(kWholeSecond, milliseconds(9000)));
}

TEST_CASE("What the look itself takes is no time in which a time was seen") {
  SettledTime settled;
  const SettledTime::Clock::time_point begun(milliseconds(0));
  // A server that answers after a minute may have looked at its end.
  CHECK_FALSE(settled.See(kWholeSecond, {.begun = begun, .ended = begun + milliseconds(60'000)}));
  CHECK_FALSE(settled.See(kWholeSecond, {.begun = begun + milliseconds(60'001),
                                         .ended = begun + milliseconds(90'000)}));
}

}  // namespace orcio

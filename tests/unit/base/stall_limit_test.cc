#include "base/threads/stall_limit.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/threads/pace_limit.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr std::chrono::seconds kLongest{120};

// Time that passes as a test says: nothing of it by itself.
class Hours {
 public:
  // What a limit waits by.
  [[nodiscard]] StallLimit::Wait Wait() {
    return [this](std::chrono::milliseconds time, const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      waits_for_ = time;
      ++waits_;
      changed_.notify_all();
      changed_.wait(lock, stop, [&] { return steps_ > 0; });
      if (stop.stop_requested()) return false;
      --steps_;
      return true;
    };
  }
  // Lets one wait pass, and returns once the next has begun, or `limit` has expired.
  template <class Limit>
  void Step(const Limit& limit) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waits_ > 0; });
    const int before = waits_;
    ++steps_;
    changed_.notify_all();
    const std::stop_callback wake(limit.token(), [this] { changed_.notify_all(); });
    while (waits_ == before && !limit.expired())
      changed_.wait_for(lock, std::chrono::milliseconds(10));
  }
  [[nodiscard]] std::chrono::milliseconds waits_for() {
    const std::scoped_lock lock(mutex_);
    return waits_for_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::chrono::milliseconds waits_for_{0};
  int waits_ = 0;
  int steps_ = 0;
};

class Drop : public ByteSink {
 public:
  std::function<Result<void>()> on_commit = [] { return Result<void>(); };
  Result<std::span<std::byte>> Buffer() override { return std::span(room_); }
  Result<void> Commit(size_t) override { return on_commit(); }

 private:
  std::array<std::byte, 16> room_{};
};

}  // namespace

TEST_CASE("A stream without a byte for the whole of its time is given up, and not before") {
  Hours hours;
  StallLimit limit(kLongest, {}, hours.Wait());
  for (int i = 0; i < 19; ++i) hours.Step(limit);
  CHECK(hours.waits_for() * 20 == kLongest);
  CHECK_FALSE(limit.token().stop_requested());
  hours.Step(limit);
  CHECK(limit.expired());
  CHECK(limit.token().stop_requested());
}

TEST_CASE("A byte now and then is enough, for however long it takes") {
  Hours hours;
  StallLimit limit(kLongest, {}, hours.Wait());
  for (int i = 0; i < 20; ++i) {
    limit.Count();
    for (int step = 0; step < 20; ++step) hours.Step(limit);
  }
  CHECK_FALSE(limit.expired());
}

TEST_CASE("A limit without a time ends with the stop that it is told of, and is not expired") {
  std::stop_source stop;
  StallLimit limit(std::nullopt, stop.get_token());
  CHECK_FALSE(limit.token().stop_requested());
  stop.request_stop();
  CHECK(limit.token().stop_requested());
  CHECK_FALSE(limit.expired());
}

TEST_CASE("A stream that keeps its pace goes on and one that falls behind is given up") {
  Hours hours;
  PaceLimit limit({100, kLongest}, {}, hours.Wait());
  for (int i = 0; i < 5; ++i) {
    limit.Count(100);
    hours.Step(limit);
  }
  CHECK(hours.waits_for() == kLongest);
  CHECK_FALSE(limit.token().stop_requested());
  limit.Count(99);
  hours.Step(limit);
  CHECK(limit.expired());
  CHECK(limit.token().stop_requested());
}

TEST_CASE("What is not taken here is let go of, and told from what does not come") {
  std::stop_source stop;
  Drop drop;
  StallLimit limit(std::nullopt, stop.get_token());
  bool let_go = false;
  HeardSink heard(drop, limit, [&] { let_go = true; });
  REQUIRE_OK(heard.Buffer());
  SECTION("waiting for this machine") {
    drop.on_commit = [&]() -> Result<void> {
      stop.request_stop();
      return Fail(ErrorKind::kCancelled, "let go of");
    };
    CHECK_FALSE(heard.Commit(1));
    CHECK(heard.blocked());
    CHECK(let_go);
  }
  SECTION("waiting for the other one") {
    REQUIRE_OK(heard.Commit(1));
    stop.request_stop();
    CHECK_FALSE(heard.blocked());
    CHECK_FALSE(let_go);
    CHECK(heard.Buffer().error().kind == ErrorKind::kCancelled);
  }
}

}  // namespace orcio

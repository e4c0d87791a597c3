#include "base/threads/stage_group.h"

#include <condition_variable>

#include "tests/support/catch.h"

namespace orcio {
namespace {

// Waits for nothing but the stop.
Result<void> WaitForStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  (void)never.wait(lock, stop, [] { return false; });
  return Fail(ErrorKind::kIo, "second");
}

}  // namespace

TEST_CASE("The first error of a pipeline stops all stages and is the one that comes out") {
  StageGroup stages;
  stages.Start([&] { return WaitForStop(stages.token()); });
  stages.Start([&] { return WaitForStop(stages.token()); });
  stages.Start([]() -> Result<void> { return Fail(ErrorKind::kDamaged, "first"); });
  stages.Join();
  REQUIRE_FALSE(stages.status());
  CHECK(stages.status().error().message == "first");
}

TEST_CASE("Stages that all end well leave a good status") {
  StageGroup stages;
  for (int i = 0; i < 3; ++i) stages.Start([]() -> Result<void> { return {}; });
  stages.Join();
  CHECK(stages.status());
  CHECK_FALSE(stages.token().stop_requested());
}

TEST_CASE("Going out of scope stops and joins what still runs") {
  bool ended = false;
  {
    StageGroup stages;
    stages.Start([&]() -> Result<void> {
      (void)WaitForStop(stages.token());
      ended = true;
      return {};
    });
  }
  CHECK(ended);
}

TEST_CASE("A pipeline that is stopped without an error is cancelled") {
  StageGroup stages;
  stages.Stop();
  CHECK(stages.status().error().kind == ErrorKind::kCancelled);
}

}  // namespace orcio

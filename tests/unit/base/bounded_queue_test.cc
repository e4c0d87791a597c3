#include "base/threads/bounded_queue.h"

#include <thread>

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("A bounded queue hands items over in order, then nothing once closed") {
  BoundedQueue<int> queue(2);
  // Catch2 asserts on the test's own thread only.
  int pushed = 0;
  std::jthread producer([&](const std::stop_token& stop) {
    while (pushed < 1000 && queue.Push(pushed, stop)) ++pushed;
    queue.Close();
  });
  for (int i = 0; i < 1000; ++i) CHECK(queue.Pop({}) == i);
  CHECK_FALSE(queue.Pop({}).has_value());
  producer.join();
  CHECK(pushed == 1000);
}

TEST_CASE("A stop request ends a wait for room") {
  BoundedQueue<int> queue(1);
  std::stop_source source;
  REQUIRE(queue.Push(1, source.get_token()));
  std::jthread stopper([&] { source.request_stop(); });
  CHECK_FALSE(queue.Push(2, source.get_token()));
}

TEST_CASE("A stop request ends a wait for an item") {
  BoundedQueue<int> queue(1);
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  CHECK_FALSE(queue.Pop(source.get_token()).has_value());
}

}  // namespace orcio

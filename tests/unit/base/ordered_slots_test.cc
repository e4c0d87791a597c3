#include "base/threads/ordered_slots.h"

#include <atomic>
#include <thread>

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("Items made by many threads in any order are taken in theirs") {
  constexpr uint64_t kItems = 2000;
  OrderedSlots<uint64_t> slots(5);
  std::atomic<uint64_t> next = 0;
  const std::stop_token never;
  std::vector<std::jthread> makers;
  for (int i = 0; i < 4; ++i) {
    makers.emplace_back([&] {
      for (uint64_t index = next++; index < kItems; index = next++) {
        uint64_t* slot = slots.Claim(index, never);
        *slot = index * 3;
        slots.Fill(index);
      }
    });
  }
  slots.End(kItems);
  uint64_t taken = 0;
  while (const uint64_t* item = slots.Front(never)) {
    CHECK(*item == taken * 3);
    slots.Pop();
    ++taken;
  }
  CHECK(taken == kItems);
}

TEST_CASE("A slot is not handed out before its last item was taken") {
  OrderedSlots<int> slots(2);
  const std::stop_token never;
  std::stop_source stopped;
  stopped.request_stop();
  REQUIRE(slots.Claim(0, never) != nullptr);
  REQUIRE(slots.Claim(1, never) != nullptr);
  slots.Fill(1);
  CHECK(slots.Front(stopped.get_token()) == nullptr);
  slots.Fill(0);
  CHECK(slots.Claim(2, stopped.get_token()) == nullptr);
  const int* first = slots.Front(never);
  slots.Pop();
  CHECK(slots.Claim(2, never) == first);
}

TEST_CASE("A stop ends every wait for a slot or an item") {
  OrderedSlots<int> slots(1);
  std::stop_source stop;
  REQUIRE(slots.Claim(0, stop.get_token()) != nullptr);
  int none = 0;
  int* claimed = &none;
  int* front = &none;
  std::jthread maker([&] { claimed = slots.Claim(1, stop.get_token()); });
  std::jthread taker([&] { front = slots.Front(stop.get_token()); });
  stop.request_stop();
  maker.join();
  taker.join();
  CHECK(claimed == nullptr);
  CHECK(front == nullptr);
}

TEST_CASE("No items at all are an end, too") {
  OrderedSlots<int> slots(3);
  slots.End(0);
  CHECK(slots.Front({}) == nullptr);
}

}  // namespace orcio

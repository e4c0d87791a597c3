#include "index/archive/write/block_pool.h"

#include <thread>

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("A block comes back to the pool when its last user lets go") {
  BlockPool pool(1);
  auto block = pool.Take({});
  block->size = 7;
  const std::byte* memory = block->bytes.get();
  auto second_user = block;
  block.reset();
  std::stop_source stop;
  stop.request_stop();
  CHECK(pool.Take(stop.get_token()) == nullptr);
  second_user.reset();
  const auto again = pool.Take({});
  CHECK(again->bytes.get() == memory);
  CHECK(again->size == 0);
}

TEST_CASE("Taking a block waits until one is free") {
  BlockPool pool(2);
  auto first = pool.Take({});
  auto second = pool.Take({});
  const std::byte* memory = second->bytes.get();
  std::shared_ptr<PooledBlock> third;
  std::jthread taker([&] { third = pool.Take({}); });
  second.reset();
  taker.join();
  CHECK(third->bytes.get() == memory);
}

TEST_CASE("A stop ends the wait for a block") {
  BlockPool pool(1);
  const auto block = pool.Take({});
  std::stop_source stop;
  auto taken = block;
  std::jthread taker([&] { taken = pool.Take(stop.get_token()); });
  stop.request_stop();
  taker.join();
  CHECK(taken == nullptr);
}

}  // namespace orcio

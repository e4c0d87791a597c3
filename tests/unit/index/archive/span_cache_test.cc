#include "index/archive/read/span_cache.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

SpanBytes Filled(size_t size, uint64_t with) {
  return std::make_shared<const std::vector<std::byte>>(size, static_cast<std::byte>(with));
}

std::function<Result<SpanBytes>()> Decoding(size_t size, uint64_t with) {
  return [=]() -> Result<SpanBytes> { return Filled(size, with); };
}

// Waits until the cache counts `waits` requests that wait for another's decode. False if it
// never does.
bool AwaitWaits(const SpanCache& cache, uint64_t waits) {
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
       std::chrono::steady_clock::now() < end; std::this_thread::yield()) {
    if (cache.counters().waits >= waits) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("A span is decoded once and then comes from the cache") {
  SpanCache cache(64 * kMiB);
  int decodes = 0;
  const auto decode = [&]() -> Result<SpanBytes> {
    ++decodes;
    return Filled(1000, 7);
  };
  const SpanBytes first = ValueOf(cache.Get({1, 5}, decode));
  const SpanBytes second = ValueOf(cache.Get({1, 5}, decode));
  CHECK(decodes == 1);
  CHECK(first == second);
  CHECK(*second == std::vector<std::byte>(1000, std::byte{7}));
  CHECK(cache.Contains({1, 5}));
  CHECK_FALSE(cache.Contains({1, 6}));
  CHECK_FALSE(cache.Contains({2, 5}));
  CHECK(cache.counters().hits == 1);
  CHECK(cache.counters().misses == 1);
  CHECK(cache.counters().bytes == 1000);
  CHECK(cache.counters().decodes == 1);
  CHECK(cache.counters().decoded_bytes == 1000);
  CHECK(cache.counters().decode_nanoseconds > 0);
  CHECK(cache.budget_bytes() == 64 * kMiB);
}

TEST_CASE("Archive ids are never handed out twice") {
  SpanCache cache(kMiB);
  CHECK(cache.NewArchive() != cache.NewArchive());
}

TEST_CASE("The least recently used span goes first") {
  SpanCache cache(4 * kMiB);  // too small for more than one shard
  for (uint64_t span = 0; span < 4; ++span) REQUIRE_OK(cache.Get({1, span}, Decoding(kMiB, span)));
  REQUIRE_OK(cache.Get({1, 0}, Decoding(kMiB, 0)));  // 1 is now the oldest
  REQUIRE_OK(cache.Get({1, 4}, Decoding(kMiB, 4)));
  CHECK(cache.Contains({1, 0}));
  CHECK_FALSE(cache.Contains({1, 1}));
  CHECK(cache.Contains({1, 2}));
  CHECK(cache.Contains({1, 3}));
  CHECK(cache.Contains({1, 4}));
  CHECK(cache.counters().bytes == 4 * kMiB);
}

TEST_CASE("The budget holds over all archives and sizes, and a span of 4 MiB fits", "[bytes]") {
  const uint64_t budget = GENERATE(uint64_t{4}, uint64_t{9}, uint64_t{64}, uint64_t{100}) * kMiB;
  SpanCache cache(budget);
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    const SpanCache::Key key{random() % 5, random() % 50};
    const size_t size = 1 + random() % (4 * kMiB);
    REQUIRE_OK(cache.Get(key, Decoding(size, 1)));
    REQUIRE(cache.Contains(key));
    REQUIRE(cache.counters().bytes <= budget);
  }
}

TEST_CASE("A span larger than the budget is handed out and not kept") {
  SpanCache cache(1000);
  REQUIRE_OK(cache.Get({1, 1}, Decoding(800, 1)));
  CHECK(ValueOf(cache.Get({1, 2}, Decoding(1001, 2)))->size() == 1001);
  CHECK_FALSE(cache.Contains({1, 2}));
  CHECK(cache.Contains({1, 1}));
}

TEST_CASE("A failed decode is not remembered") {
  SpanCache cache(kMiB);
  const auto failing = []() -> Result<SpanBytes> { return Fail(ErrorKind::kDamaged, "bad"); };
  const auto failed = cache.Get({1, 1}, failing);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == ErrorKind::kDamaged);
  CHECK_FALSE(cache.Contains({1, 1}));
  CHECK(ValueOf(cache.Get({1, 1}, Decoding(10, 3)))->size() == 10);
}

TEST_CASE("Forgetting an archive drops its spans and no others") {
  SpanCache cache(256 * kMiB);
  for (uint64_t span = 0; span < 40; ++span) {
    REQUIRE_OK(cache.Get({1, span}, Decoding(100, 1)));
    REQUIRE_OK(cache.Get({2, span}, Decoding(100, 2)));
  }
  cache.Forget(1);
  for (uint64_t span = 0; span < 40; ++span) {
    CHECK_FALSE(cache.Contains({1, span}));
    CHECK(cache.Contains({2, span}));
  }
  CHECK(cache.counters().bytes == 4000);
}

TEST_CASE("Concurrent requests for one span share one decode, also a failed one") {
  const bool failing = GENERATE(false, true);
  constexpr int kThreads = 8;
  SpanCache cache(64 * kMiB);
  std::atomic<int> decodes = 0;
  const auto decode = [&]() -> Result<SpanBytes> {
    ++decodes;
    // Everybody else is waiting for this decode.
    if (!AwaitWaits(cache, kThreads - 1)) return Fail(ErrorKind::kLimit, "nobody waits");
    if (failing) return Fail(ErrorKind::kDamaged, "span 9 is bad");
    return Filled(100, 9);
  };
  std::vector<Result<SpanBytes>> results(kThreads, Fail(ErrorKind::kCancelled, "never ran"));
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = cache.Get({3, 9}, decode); });
  }
  CHECK(decodes == 1);
  for (const auto& result : results) {
    REQUIRE(result.has_value() != failing);
    if (failing) CHECK(result.error().message == "span 9 is bad");
    if (!failing) CHECK(*result == *results[0]);
  }
}

TEST_CASE("A decode that throws fails those who wait for it") {
  SpanCache cache(kMiB);
  std::latch decoding(1);
  bool thrown = false;
  std::jthread thrower([&] {
    try {
      (void)cache.Get({1, 1}, [&]() -> Result<SpanBytes> {
        decoding.count_down();
        if (!AwaitWaits(cache, 1)) return Fail(ErrorKind::kLimit, "nobody waits");
        throw std::runtime_error("no memory");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
  });
  decoding.wait();
  const auto waited = cache.Get({1, 1}, Decoding(1, 1));
  thrower.join();
  CHECK(thrown);
  CHECK_FALSE(waited.has_value());
  CHECK(cache.Get({1, 1}, Decoding(1, 1)).has_value());
}

TEST_CASE("Nothing is locked while decoding: a decode may use the cache itself") {
  SpanCache cache(kMiB);
  const auto outer = cache.Get({1, 1}, [&]() -> Result<SpanBytes> {
    ORCIO_TRY(cache.Get({1, 2}, Decoding(10, 2)));
    cache.Forget(7);
    return Filled(20, 1);
  });
  CHECK(ValueOf(outer)->size() == 20);
  CHECK(cache.Contains({1, 2}));
}

TEST_CASE("Many threads reading, forgetting and evicting always get the span they asked for") {
  SpanCache cache(2 * kMiB);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 8; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 random(seed);
        for (int i = 0; i < 3000; ++i) {
          const SpanCache::Key key{random() % 3, random() % 40};
          const auto bytes = cache.Get(key, Decoding(100'000, key.archive * 40 + key.span));
          if (!bytes || (*bytes)->back() != static_cast<std::byte>(key.archive * 40 + key.span))
            ++wrong;
          if (random() % 500 == 0) cache.Forget(key.archive);
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(cache.counters().bytes <= 2 * kMiB);
  CHECK(cache.counters().hits > 0);
}

}  // namespace orcio

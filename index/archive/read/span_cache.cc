#include "index/archive/read/span_cache.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <list>
#include <new>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/threads/mutex.h"

namespace orcio::inline index {
namespace {

constexpr size_t kMaxShards = 16;
// The budget is split evenly. Below two of the largest spans a shard could not hold what one reader
// goes back and forth between, so a small budget makes for fewer shards.
constexpr uint64_t kMinShardBytes = uint64_t{8} << 20;

// The finalizer of SplitMix64: archive ids and spans are small consecutive numbers, and shards are
// chosen by low bits.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

struct KeyHash {
  size_t operator()(const SpanCache::Key& key) const {
    return static_cast<size_t>(Mix(key.archive * 0x9e3779b97f4a7c15U + key.span));
  }
};

// A decode under way, which later requests for the same span wait for.
class Flight {
 public:
  void Land(Result<SpanBytes> result) {
    {
      const MutexLock lock(mutex_);
      result_ = std::move(result);
    }
    landed_.notify_all();
  }
  [[nodiscard]] Result<SpanBytes> Wait() {
    const MutexLock lock(mutex_);
    while (!result_) landed_.wait(mutex_);
    return *result_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any landed_;
  std::optional<Result<SpanBytes>> result_ GUARDED_BY(mutex_);
};

}  // namespace

class SpanCache::Shard {
 public:
  explicit Shard(uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  Result<SpanBytes> Get(const Key& key, const std::function<Result<SpanBytes>()>& decode) {
    std::shared_ptr<Flight> flight;
    {
      const MutexLock lock(mutex_);
      if (const auto found = held_.find(key); found != held_.end()) {
        ++counters_.hits;
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->bytes;
      }
      if (const auto found = flights_.find(key); found != flights_.end()) {
        ++counters_.waits;
        flight = found->second;
      } else {
        ++counters_.misses;
        flights_.emplace(key, std::make_shared<Flight>());
      }
    }
    if (flight != nullptr) return flight->Wait();
    // Should `decode` throw, those who wait must not wait for ever.
    Landing landing{*this, key,
                    Fail(ErrorKind::kIo, "decoding span {} broke off in another thread", key.span)};
    const auto begun = std::chrono::steady_clock::now();
    landing.result = decode();
    CountDecode(landing.result, std::chrono::steady_clock::now() - begun);
    return landing.result;
  }

  bool Contains(const Key& key) const {
    const MutexLock lock(mutex_);
    return held_.find(key) != held_.end();
  }

  void Forget(uint64_t archive) {
    std::list<Held> dropped;  // freed once the lock is released
    const MutexLock lock(mutex_);
    for (auto span = recent_.begin(); span != recent_.end();) {
      const auto next = std::next(span);
      if (span->key.archive == archive) Drop(span, dropped);
      span = next;
    }
  }

  Counters counters() const {
    const MutexLock lock(mutex_);
    return counters_;
  }

 private:
  struct Held {
    Key key;
    SpanBytes bytes;
  };

  // Ends a flight however its decode ends.
  struct Landing {
    Shard& shard;
    const Key& key;
    Result<SpanBytes> result;
    Landing(Shard& in, const Key& of, Result<SpanBytes> unless)
        : shard(in), key(of), result(std::move(unless)) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    ~Landing() { shard.Land(key, result); }
  };

  void CountDecode(const Result<SpanBytes>& result, std::chrono::nanoseconds took) {
    const MutexLock lock(mutex_);
    ++counters_.decodes;
    if (result) counters_.decoded_bytes += (*result)->size();
    counters_.decode_nanoseconds += static_cast<uint64_t>(took.count());
  }

  // Called by a destructor, throws nothing: if memory is out, the span is not kept.
  void Land(const Key& key, const Result<SpanBytes>& result) noexcept {
    std::list<Held> dropped;  // freed once the lock is released
    std::shared_ptr<Flight> flight;
    {
      const MutexLock lock(mutex_);
      const auto found = flights_.find(key);
      flight = std::move(found->second);
      flights_.erase(found);
      try {
        if (result) Keep(key, *result, dropped);
      } catch (const std::bad_alloc&) {
      }
    }
    try {
      flight->Land(result);
    } catch (const std::bad_alloc&) {
      flight->Land(Failure(Error{ErrorKind::kIo, ENOMEM, {}}));
    }
  }

  void Keep(const Key& key, const SpanBytes& bytes, std::list<Held>& dropped) REQUIRES(mutex_) {
    if (bytes->size() > budget_bytes_) return;
    while (counters_.bytes + bytes->size() > budget_bytes_) Drop(std::prev(recent_.end()), dropped);
    std::list<Held> kept{{key, bytes}};
    held_.emplace(key, kept.begin());
    recent_.splice(recent_.begin(), kept);
    counters_.bytes += bytes->size();
  }

  void Drop(std::list<Held>::iterator span, std::list<Held>& dropped) REQUIRES(mutex_) {
    counters_.bytes -= span->bytes->size();
    held_.erase(span->key);
    dropped.splice(dropped.end(), recent_, span);
  }

  const uint64_t budget_bytes_;
  mutable Mutex mutex_;
  std::list<Held> recent_ GUARDED_BY(mutex_);  // most recently used first
  std::unordered_map<Key, std::list<Held>::iterator, KeyHash> held_ GUARDED_BY(mutex_);
  std::unordered_map<Key, std::shared_ptr<Flight>, KeyHash> flights_ GUARDED_BY(mutex_);
  Counters counters_ GUARDED_BY(mutex_);
};

SpanCache::SpanCache(uint64_t budget_bytes) : budget_bytes_(budget_bytes) {
  const auto shards = static_cast<size_t>(
      std::clamp<uint64_t>(budget_bytes / kMinShardBytes, 1, uint64_t{kMaxShards}));
  for (size_t i = 0; i < shards; ++i)
    shards_.push_back(std::make_unique<Shard>(budget_bytes / shards));
}

SpanCache::~SpanCache() = default;

uint64_t SpanCache::NewArchive() {
  return next_archive_.fetch_add(1, std::memory_order_relaxed);
}

SpanCache::Shard& SpanCache::ShardOf(const Key& key) const {
  // Neighbouring spans go to different shards: evenly filled, and no two readers of one file meet.
  return *shards_[static_cast<size_t>((Mix(key.archive) + key.span) % shards_.size())];
}

Result<SpanBytes> SpanCache::Get(const Key& key, const std::function<Result<SpanBytes>()>& decode) {
  return ShardOf(key).Get(key, decode);
}

bool SpanCache::Contains(const Key& key) const {
  return ShardOf(key).Contains(key);
}

void SpanCache::Forget(uint64_t archive) {
  for (const auto& shard : shards_) shard->Forget(archive);
}

SpanCache::Counters SpanCache::counters() const {
  Counters sum;
  for (const auto& shard : shards_) {
    const Counters counters = shard->counters();
    sum.hits += counters.hits;
    sum.misses += counters.misses;
    sum.waits += counters.waits;
    sum.bytes += counters.bytes;
    sum.decodes += counters.decodes;
    sum.decoded_bytes += counters.decoded_bytes;
    sum.decode_nanoseconds += counters.decode_nanoseconds;
  }
  return sum;
}

}  // namespace orcio::inline index

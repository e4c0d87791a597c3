#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"

namespace orcio::inline index {

// Decoded bytes of one span, shared by whoever reads them.
using SpanBytes = std::shared_ptr<const std::vector<std::byte>>;

// Decoded spans of all archives, within one budget. Concurrent requests for one span share one
// decode; nothing is locked while decoding. Least recently used spans go first. Thread-safe.
class SpanCache {
 public:
  struct Key {
    uint64_t archive = 0;  // from NewArchive()
    uint64_t span = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Counters {
    uint64_t hits = 0;
    uint64_t misses = 0;  // decodes begun
    uint64_t waits = 0;   // requests that waited for another's decode
    uint64_t bytes = 0;   // held now
    // Decodes that have ended, whatever with; what they made and took, of all threads.
    uint64_t decodes = 0;
    uint64_t decoded_bytes = 0;
    uint64_t decode_nanoseconds = 0;
  };

  // Spans that their readers still hold count no more once they are evicted: what is in memory can
  // be larger than `budget_bytes` by what is being read.
  explicit SpanCache(uint64_t budget_bytes);
  ~SpanCache();

  // An id for Key::archive, never handed out twice.
  [[nodiscard]] uint64_t NewArchive();

  // The span's bytes, from the cache, another thread's decode, or `decode`, called on this thread.
  // A failed decode is handed to everyone who waited for it, and not remembered.
  [[nodiscard]] Result<SpanBytes> Get(const Key& key,
                                      const std::function<Result<SpanBytes>()>& decode);
  // Whether Get would find it without decoding or waiting. For read-ahead.
  [[nodiscard]] bool Contains(const Key& key) const;
  // Drops all spans of an archive that nobody reads any more.
  void Forget(uint64_t archive);
  [[nodiscard]] Counters counters() const;
  // What all shards together may hold.
  [[nodiscard]] uint64_t budget_bytes() const { return budget_bytes_; }

 private:
  class Shard;
  [[nodiscard]] Shard& ShardOf(const Key& key) const;

  const uint64_t budget_bytes_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<uint64_t> next_archive_{1};
};

}  // namespace orcio::inline index

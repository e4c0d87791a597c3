#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/sha256.h"
#include "base/threads/mutex.h"

namespace orcio::inline index {

// What the digest of an archive had come to at the beginning of each piece that was read lately:
// whoever takes up the reading of it goes on from there. If nobody asks for long, the oldest are
// forgotten. Thread-safe.
class DigestTrail {
 public:
  // How far apart these are, in bytes of the archive.
  static constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
  // Of 64 GiB; they take 10 MiB.
  static constexpr size_t kMostStates = 65'536;

  // At `state.bytes` of the archive, a multiple of kPieceBytes after all that were added before.
  void Add(const Sha256State& state) {
    const MutexLock lock(mutex_);
    if (states_.size() == kMostStates) states_.pop_front();
    states_.push_back(state);
  }
  // At the last piece that begins at or before `offset`, which forgets those before it. Nothing
  // if that is not there.
  [[nodiscard]] std::optional<Sha256State> At(uint64_t offset) {
    const uint64_t begin = offset / kPieceBytes * kPieceBytes;
    const MutexLock lock(mutex_);
    while (!states_.empty() && states_.front().bytes < begin) states_.pop_front();
    if (states_.empty() || states_.front().bytes != begin) return std::nullopt;
    return states_.front();
  }

 private:
  Mutex mutex_;
  std::deque<Sha256State> states_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline index

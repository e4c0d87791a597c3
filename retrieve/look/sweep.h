#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/repository/repository.h"

namespace orcio::inline retrieve {

// Calls `look` for each archive, several at a time on `threads` threads: they wait for the disk
// most of the time. Hands what it said to `take` on this thread, in the archives' order. What it
// says is taken soon: no more than twice as many as there are threads wait. The first error of
// `take` ends it.
template <class Found>
[[nodiscard]] Result<void> SweepArchives(
    std::span<const ArchiveFile> archives, unsigned threads,
    const std::function<Result<Found>(const ArchiveFile&)>& look,
    const std::function<Result<void>(const ArchiveFile&, Result<Found>)>& take) {
  OrderedSlots<std::optional<Result<Found>>> slots(size_t{2} * threads);
  slots.End(archives.size());
  std::atomic<size_t> next{0};
  StageGroup stages;
  for (unsigned i = 0; i < threads && i < archives.size(); ++i) {
    stages.Start([&]() -> Result<void> {
      for (size_t index = next++; index < archives.size(); index = next++) {
        auto* slot = slots.Claim(index, stages.token());
        if (slot == nullptr) return {};
        slot->emplace(look(archives[index]));
        slots.Fill(index);
      }
      return {};
    });
  }
  for (const ArchiveFile& archive : archives) {
    auto* slot = slots.Front(stages.token());
    if (slot == nullptr) break;  // a stage failed
    auto found = std::move(**slot);
    slot->reset();
    slots.Pop();
    auto taken = take(archive, std::move(found));
    if (!taken) {
      stages.Fail(std::move(taken).error());
      break;
    }
  }
  stages.Join();
  return stages.status();
}

}  // namespace orcio::inline retrieve

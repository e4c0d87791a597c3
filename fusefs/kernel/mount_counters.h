#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "index/archive/read/span_cache.h"

namespace orcio::inline fusefs {

// What a mount has done since it was mounted, and what it holds.
struct MountCounters {
  uint64_t requests = 0;  // of the kernel's
  uint64_t open_files = 0;
  uint64_t open_archives = 0;
  uint64_t cache_budget = 0;  // bytes
  SpanCache::Counters cache;
};

// The extended attribute of a mount's root that has its counters: a number a line, its name first.
// It is not listed, so that no copy has it.
inline constexpr const char* kCountersAttribute = "user.orcio.counters";

[[nodiscard]] std::string ToText(const MountCounters& counters);
// kDamaged if a counter is missing or is none. Names that it does not know are passed over.
[[nodiscard]] Result<MountCounters> ParseMountCounters(std::string_view text);

// One line for people.
[[nodiscard]] std::string Summary(const MountCounters& counters);

// Asks the mount on `mountpoint`. kNotFound if there is none of orcio's.
[[nodiscard]] Result<MountCounters> ReadMountCounters(const std::filesystem::path& mountpoint);

}  // namespace orcio::inline fusefs

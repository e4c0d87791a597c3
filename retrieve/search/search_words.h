#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "retrieve/search/search.h"

namespace orcio::inline retrieve {

// Criteria as people write them. All of these are kInvalid, with what may be written, if `text`
// is something else.

// "+1M" (at least), "-10k" (at most), or "512" (as large): bytes, or k, M, G, T of 1024 each.
[[nodiscard]] Result<void> ReadSize(std::string_view text, SearchCriteria& criteria);

// "2026-11-23", "2026-11-23T02:00", "2026-11-23 02:00:30" in this machine's time zone or, with a Z
// after it, in UTC; "@SECONDS" since the epoch; or so long before `now`: "90s", "15m", "12h", "7d",
// "2w". Seconds since the epoch.
[[nodiscard]] Result<int64_t> ReadMoment(std::string_view text, int64_t now);

// "file", "directory", "symlink", "character_device", "block_device", "fifo", "socket", or
// find(1)'s letter for it; several split by commas.
[[nodiscard]] Result<void> ReadTypes(std::string_view text, SearchCriteria& criteria);

}  // namespace orcio::inline retrieve

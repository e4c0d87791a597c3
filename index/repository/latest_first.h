#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "index/repository/repository.h"

namespace orcio::inline index {

// Whether only a clock that was wrong can have given this date: it is more than a day after
// `now_seconds`. Less than a day may be a time zone, for a date without 'Z' is taken as UTC, and
// the clock of whoever wrote it was up to 14 hours ahead of that.
[[nodiscard]] bool IsInFuture(int64_t seconds, int64_t now_seconds);

// The archives of `service`, of `archives` as Repository::List has them, the newest first; after
// the oldest come those that are dated in the future, again the newest first: whenever they were
// made, they are not what the service was like last, and would be the newest for years. If all are,
// it is this machine's clock that is wrong.
[[nodiscard]] std::vector<const ArchiveFile*> LatestFirst(const std::vector<ArchiveFile>& archives,
                                                          std::string_view service,
                                                          int64_t now_seconds);

}  // namespace orcio::inline index

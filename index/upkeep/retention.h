#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace orcio::inline index {

// How many archives of a service to keep, by age: the rules that restic and borg have. An hour,
// day, week (from Monday), month or year is one of UTC, as archives' names are.
struct RetentionPolicy {
  unsigned last = 0;                                                    // the newest
  unsigned hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;  // the newest of each
  std::chrono::seconds within{0};  // before the newest: all; 0: this rule keeps none

  [[nodiscard]] bool empty() const;
};

struct RetentionCandidate {
  int64_t seconds = 0;        // its date, since the epoch
  bool complete = false;      // whether it is known to hold all that it should
  bool is_protected = false;  // whether somebody said that it stays
  bool shrunk = false;        // whether it holds far less than those before it (RunFacts)
};

// For each candidate, what keeps it, in words; if nothing does, it may go. Only complete ones
// count for a rule: others push none of them out, and are kept, for a person to decide. Those that
// shrank have the rules for themselves, and push out none but each other: so many empty ones as
// there may be, the last good ones stay. So have those dated in the future (IsInFuture), which
// would be the newest for years, and those that are both. The newest complete one of each kind is
// always kept. A date after `now_seconds` is nothing that `within` counts back from.
[[nodiscard]] std::vector<std::vector<std::string>> WhatKeeps(
    const RetentionPolicy& policy, const std::vector<RetentionCandidate>& candidates,
    int64_t now_seconds);

}  // namespace orcio::inline index

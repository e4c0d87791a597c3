#include "index/upkeep/retention.h"

#include <ctime>
#include <map>
#include <random>
#include <set>

#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kNow = 1'764'000'000;  // 2025-11-24 16:00:00 UTC

std::vector<RetentionCandidate> Nightly(int nights) {
  std::vector<RetentionCandidate> all;
  for (int i = nights; i-- > 0;) all.push_back({kNow - i * kDay, true, false});
  return all;
}

std::set<size_t> Kept(const RetentionPolicy& policy,
                      const std::vector<RetentionCandidate>& candidates) {
  std::set<size_t> kept;
  const auto reasons = WhatKeeps(policy, candidates, kNow);
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (!reasons[i].empty()) kept.insert(i);
  }
  return kept;
}

// The same rules by another way: the C library's calendar, and sets. Adds what they keep of those
// that count together.
void AddModel(const RetentionPolicy& policy, const std::multimap<int64_t, size_t>& by_age,
              std::set<size_t>& kept) {
  const std::vector<std::pair<unsigned, const char*>> rules = {{policy.hourly, "%Y%m%d%H"},
                                                               {policy.daily, "%Y%m%d"},
                                                               {policy.weekly, "%G%V"},
                                                               {policy.monthly, "%Y%m"},
                                                               {policy.yearly, "%Y"}};
  for (const auto& [count, format] : rules) {
    std::map<std::string, size_t> newest;  // of each period
    for (const auto& [seconds, i] : by_age) {
      const time_t time = seconds;
      tm calendar{};
      ::gmtime_r(&time, &calendar);
      std::array<char, 32> period{};
      REQUIRE(std::strftime(period.data(), period.size(), format, &calendar) > 0);
      newest[period.data()] = i;
    }
    unsigned left = count;
    for (auto it = newest.rbegin(); it != newest.rend() && left > 0; ++it, --left)
      kept.insert(it->second);
  }
  unsigned left = policy.last;
  for (auto it = by_age.rbegin(); it != by_age.rend() && left > 0; ++it, --left)
    kept.insert(it->second);
  const auto after = by_age.upper_bound(kNow);
  for (auto it = after; policy.within.count() > 0 && it != by_age.end(); ++it)
    kept.insert(it->second);
  if (policy.within.count() > 0 && after != by_age.begin()) {
    const int64_t from = std::prev(after)->first - policy.within.count();
    for (auto it = by_age.lower_bound(from); it != after; ++it) kept.insert(it->second);
  }
  if (!by_age.empty()) kept.insert(std::prev(by_age.end())->second);
}

std::set<size_t> Model(const RetentionPolicy& policy,
                       const std::vector<RetentionCandidate>& candidates) {
  std::set<size_t> kept;
  std::multimap<int64_t, size_t> by_age, in_future;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const RetentionCandidate& candidate = candidates[i];
    if (!candidate.complete || candidate.is_protected) kept.insert(i);
    if (!candidate.complete) continue;
    (candidate.seconds > kNow + kDay ? in_future : by_age).emplace(candidate.seconds, i);
  }
  AddModel(policy, by_age, kept);
  AddModel(policy, in_future, kept);
  return kept;
}

}  // namespace

TEST_CASE("Three thousand random histories are kept as a simple rule has it") {
  std::mt19937_64 random(11);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  for (int history = 0; history < 3000; ++history) {
    CAPTURE(history);
    std::set<int64_t> seconds;
    const uint64_t spread = std::array<uint64_t, 3>{7200, 60 * kDay, 2000 * kDay}[below(3)];
    for (uint64_t n = below(60); n > 0; --n)
      seconds.insert(kNow + 4 * kDay - static_cast<int64_t>(below(spread)));
    std::vector<RetentionCandidate> candidates;
    for (const int64_t at : seconds) candidates.push_back({at, below(5) != 0, below(20) == 0});
    RetentionPolicy policy;
    for (unsigned* count : {&policy.last, &policy.hourly, &policy.daily, &policy.weekly,
                            &policy.monthly, &policy.yearly}) {
      if (below(2) == 0) *count = static_cast<unsigned>(below(9));
    }
    if (below(4) == 0) policy.within = std::chrono::seconds(below(100 * kDay));
    REQUIRE(Kept(policy, candidates) == Model(policy, candidates));
  }
}

TEST_CASE("What keeps an archive is said") {
  auto candidates = Nightly(10);
  candidates[4].is_protected = true;
  candidates[9].complete = false;
  RetentionPolicy policy;
  policy.last = 1;
  policy.daily = 2;
  const auto reasons = WhatKeeps(policy, candidates, kNow);
  CHECK(reasons[9] == std::vector<std::string>{"not known to be complete"});
  CHECK(reasons[8] == std::vector<std::string>{"last 1 of 1", "daily 1 of 2"});
  CHECK(reasons[7] == std::vector<std::string>{"daily 2 of 2"});
  CHECK(reasons[6].empty());
  CHECK(reasons[4] == std::vector<std::string>{"protected"});
}

TEST_CASE("Incomplete archives push no complete one out") {
  auto candidates = Nightly(8);
  for (size_t i = 3; i < 8; ++i) candidates[i].complete = false;
  RetentionPolicy policy;
  policy.last = 2;
  CHECK(Kept(policy, candidates) == std::set<size_t>{1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("The last complete archive is kept by any policy") {
  auto candidates = Nightly(4);
  candidates[3].complete = false;
  CHECK(Kept({}, candidates) == std::set<size_t>{2, 3});
  CHECK(WhatKeeps({}, candidates, kNow)[2] == std::vector<std::string>{"the last complete one"});
}

// They took the places of the good ones: three empty archives, and `last: 3` removed all that had
// something in them.
TEST_CASE("Archives that shrank push no good one out, and only each other") {
  auto candidates = Nightly(9);
  for (size_t i = 4; i < 9; ++i) candidates[i].shrunk = true;
  RetentionPolicy policy;
  policy.last = 2;
  CHECK(Kept(policy, candidates) == std::set<size_t>{2, 3, 7, 8});
  const auto reasons = WhatKeeps(policy, candidates, kNow);
  CHECK(reasons[8] == std::vector<std::string>{"last 1 of 2 (shrunk)"});
  CHECK(reasons[3] == std::vector<std::string>{"last 1 of 2"});
}

TEST_CASE("The last archive that did not shrink is kept by any policy, however old") {
  auto candidates = Nightly(400);
  for (size_t i = 1; i < 400; ++i) candidates[i].shrunk = true;
  RetentionPolicy policy;
  policy.within = std::chrono::seconds(kDay);
  CHECK(Kept(policy, candidates) == std::set<size_t>{0, 398, 399});
  CHECK(WhatKeeps({}, candidates, kNow)[0] == std::vector<std::string>{"the last complete one"});
}

TEST_CASE("A date in the future does not move what counts back from the newest") {
  auto candidates = Nightly(5);
  candidates.push_back({kNow + 3650 * kDay, true, false});
  RetentionPolicy policy;
  policy.within = std::chrono::seconds(2 * kDay);
  CHECK(Kept(policy, candidates) == std::set<size_t>{2, 3, 4, 5});
}

// A clock had been at 2036 for a night: its archive stayed, and each one that was made from then on
// went at once.
TEST_CASE("Archives of the future push out only each other") {
  auto candidates = Nightly(4);
  for (const int64_t year : {1, 2, 10})
    candidates.push_back({kNow + year * 365 * kDay, true, false});
  RetentionPolicy policy;
  SECTION("by the last") {
    policy.last = 1;
    CHECK(Kept(policy, candidates) == std::set<size_t>{3, 6});
    const auto reasons = WhatKeeps(policy, candidates, kNow);
    CHECK(reasons[3] == std::vector<std::string>{"last 1 of 1"});
    CHECK(reasons[6] == std::vector<std::string>{"last 1 of 1 (in the future)"});
  }
  SECTION("by periods") {
    for (unsigned* count :
         {&policy.hourly, &policy.daily, &policy.weekly, &policy.monthly, &policy.yearly}) {
      policy = {};
      *count = 1;
      CHECK(Kept(policy, candidates) == std::set<size_t>{3, 6});
    }
  }
  SECTION("and what shrank there not even those") {
    candidates.push_back({kNow + 3660 * kDay, true, false, true});
    policy.last = 1;
    CHECK(Kept(policy, candidates) == std::set<size_t>{3, 6, 7});
    CHECK(WhatKeeps(policy, candidates, kNow)[7] ==
          std::vector<std::string>{"last 1 of 1 (shrunk, in the future)"});
  }
}

// Of a Raspberry Pi that came up in 1970: all else is in its future, and as much of it stays.
TEST_CASE("A clock that is far behind costs no archive") {
  const auto candidates = Nightly(5);
  RetentionPolicy policy;
  policy.last = 2;
  auto with_new = candidates;
  with_new.insert(with_new.begin(), {3600, true, false});
  std::set<size_t> kept;
  const auto reasons = WhatKeeps(policy, with_new, 3600);
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (!reasons[i].empty()) kept.insert(i);
  }
  CHECK(kept == std::set<size_t>{0, 4, 5});
}

TEST_CASE("Weeks begin on Monday, and dates before 1970 have theirs") {
  RetentionPolicy policy;
  policy.weekly = 2;
  // Sunday 2025-11-16 and Monday 2025-11-17; then Sunday 1969-12-28 and Monday 1969-12-29.
  for (const int64_t monday : {kNow - kNow % kDay - 7 * kDay, -3 * kDay}) {
    CAPTURE(monday);
    CHECK(Kept(policy, {{monday - 2 * kDay, true, false},
                        {monday - 1, true, false},
                        {monday, true, false},
                        {monday + 6 * kDay, true, false}}) == std::set<size_t>{1, 3});
  }
}

}  // namespace orcio

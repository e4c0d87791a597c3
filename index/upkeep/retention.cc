#include "index/upkeep/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "index/repository/latest_first.h"

namespace orcio::inline index {
namespace {

using Reasons = std::vector<std::vector<std::string>>;
using Period = int64_t (*)(int64_t seconds);

int64_t DayOf(int64_t seconds) {
  using namespace std::chrono;
  return floor<days>(sys_seconds(std::chrono::seconds(seconds))).time_since_epoch().count();
}

std::chrono::year_month_day DateOf(int64_t seconds) {
  return std::chrono::sys_days(std::chrono::days(DayOf(seconds)));
}

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

int64_t HourOf(int64_t seconds) {
  return FloorDivide(seconds, 3600);
}

// 1970-01-01 was a Thursday.
int64_t WeekOf(int64_t seconds) {
  return FloorDivide(DayOf(seconds) + 3, 7);
}

int64_t YearOf(int64_t seconds) {
  return int{DateOf(seconds).year()};
}

int64_t MonthOf(int64_t seconds) {
  return YearOf(seconds) * 12 + unsigned{DateOf(seconds).month()};
}

// Candidates that count for the same rules.
struct RetentionClass {
  std::vector<size_t> newest_first;
  std::string_view note;  // for the reasons, after what each rule says
};

// Adds to `reasons` what the rule `name` keeps: the newest of each of the `count` latest periods in
// which there is any.
void KeepNewestOfEach(std::string_view name, unsigned count, Period period,
                      const std::vector<RetentionCandidate>& candidates,
                      const RetentionClass& counted, Reasons& reasons) {
  unsigned kept = 0;
  std::optional<int64_t> last;
  for (const size_t i : counted.newest_first) {
    if (kept == count) return;
    const int64_t now = period(candidates[i].seconds);
    if (last == now) continue;
    last = now;
    reasons[i].push_back(fmt::format("{} {} of {}{}", name, ++kept, count, counted.note));
  }
}

void KeepWithin(const RetentionPolicy& policy, const std::vector<RetentionCandidate>& candidates,
                const RetentionClass& counted, int64_t now_seconds, Reasons& reasons) {
  if (policy.within.count() == 0) return;
  std::optional<int64_t> from;
  for (const size_t i : counted.newest_first) {
    const int64_t seconds = candidates[i].seconds;
    if (!from && seconds <= now_seconds) from = seconds - policy.within.count();
    if (!from || seconds >= *from) reasons[i].push_back(fmt::format("within{}", counted.note));
  }
}

void ApplyRules(const RetentionPolicy& policy, const std::vector<RetentionCandidate>& candidates,
                RetentionClass counted, int64_t now_seconds, Reasons& reasons) {
  auto& newest_first = counted.newest_first;
  std::stable_sort(newest_first.begin(), newest_first.end(), [&](size_t a, size_t b) {
    return candidates[a].seconds > candidates[b].seconds;
  });
  for (size_t n = 0; n < newest_first.size() && n < policy.last; ++n)
    reasons[newest_first[n]].push_back(
        fmt::format("last {} of {}{}", n + 1, policy.last, counted.note));
  const auto keep = [&](std::string_view name, unsigned count, Period period) {
    KeepNewestOfEach(name, count, period, candidates, counted, reasons);
  };
  keep("hourly", policy.hourly, HourOf);
  keep("daily", policy.daily, DayOf);
  keep("weekly", policy.weekly, WeekOf);
  keep("monthly", policy.monthly, MonthOf);
  keep("yearly", policy.yearly, YearOf);
  KeepWithin(policy, candidates, counted, now_seconds, reasons);
  if (!newest_first.empty() && reasons[newest_first.front()].empty())
    reasons[newest_first.front()].push_back(fmt::format("the last complete one{}", counted.note));
}

}  // namespace

bool RetentionPolicy::empty() const {
  return last == 0 && hourly == 0 && daily == 0 && weekly == 0 && monthly == 0 && yearly == 0 &&
         within.count() == 0;
}

std::vector<std::vector<std::string>> WhatKeeps(const RetentionPolicy& policy,
                                                const std::vector<RetentionCandidate>& candidates,
                                                int64_t now_seconds) {
  Reasons reasons(candidates.size());
  // By whether they shrank, and whether they are dated in the future.
  std::array<std::array<RetentionClass, 2>, 2> classes;
  classes[0][1].note = " (in the future)";
  classes[1][0].note = " (shrunk)";
  classes[1][1].note = " (shrunk, in the future)";
  for (size_t i = candidates.size(); i-- > 0;) {
    if (candidates[i].is_protected) reasons[i].emplace_back("protected");
    if (!candidates[i].complete) {
      reasons[i].emplace_back("not known to be complete");
    } else {
      const bool in_future = IsInFuture(candidates[i].seconds, now_seconds);
      classes.at(candidates[i].shrunk).at(in_future).newest_first.push_back(i);
    }
  }
  for (auto& by_date : classes) {
    for (RetentionClass& counted : by_date)
      ApplyRules(policy, candidates, std::move(counted), now_seconds, reasons);
  }
  return reasons;
}

}  // namespace orcio::inline index

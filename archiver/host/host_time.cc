#include "archiver/host/host_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace orcio::inline archiver {
namespace {

constexpr const char* kTellNow = R"sh(printf 'orcio-now: %s\n' "$(date +%s.%N)"
)sh";

// Of seconds since the epoch: what counts in nanoseconds with room to spare.
constexpr int64_t kLastSecond = 4'102'444'800;  // 2100-01-01
constexpr size_t kNanosecondDigits = 9;

// A number of nothing but digits, at most `most` of them.
std::optional<int64_t> TimeDigits(std::string_view text, size_t most) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (text.empty() || text.size() > most || !digits) return std::nullopt;
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// What follows a point: "5" is half a second.
std::optional<std::chrono::nanoseconds> Fraction(std::string_view text) {
  auto number = TimeDigits(text, kNanosecondDigits);
  if (!number) return std::nullopt;
  for (size_t digits = text.size(); digits < kNanosecondDigits; ++digits) *number *= 10;
  return std::chrono::nanoseconds(*number);
}

}  // namespace

std::string TellHostNow() {
  return kTellNow;
}

std::optional<HostNow> ParseHostNow(std::string_view line) {
  const size_t point = std::min(line.find('.'), line.size());
  const auto whole = TimeDigits(line.substr(0, point), 10);
  if (!whole || *whole > kLastSecond) return std::nullopt;
  const HostTime begin{std::chrono::seconds(*whole)};
  if (const auto fraction = Fraction(line.substr(std::min(point + 1, line.size()))))
    return HostNow{begin + *fraction, begin + *fraction};
  return HostNow{begin, begin + std::chrono::seconds(1)};
}

std::optional<HostTime> ParseDockerTime(std::string_view text) {
  // 2026-11-23T02:00:00
  constexpr size_t kWhole = 19;
  if (text.size() <= kWhole || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
      text[13] != ':' || text[16] != ':' || !text.ends_with('Z'))
    return std::nullopt;
  const auto year = TimeDigits(text.substr(0, 4), 4);
  const auto month = TimeDigits(text.substr(5, 2), 2), day = TimeDigits(text.substr(8, 2), 2);
  const auto hour = TimeDigits(text.substr(11, 2), 2), minute = TimeDigits(text.substr(14, 2), 2);
  const auto second = TimeDigits(text.substr(17, 2), 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970 || *year >= 2100 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  const std::string_view rest = text.substr(kWhole, text.size() - kWhole - 1);
  std::optional<std::chrono::nanoseconds> fraction(0);
  if (!rest.empty()) fraction = rest[0] == '.' ? Fraction(rest.substr(1)) : std::nullopt;
  if (!fraction) return std::nullopt;
  return HostTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *fraction;
}

std::string DockerSeconds(HostTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:09}", whole.time_since_epoch().count(), (time - whole).count());
}

}  // namespace orcio::inline archiver

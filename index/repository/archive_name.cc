#include "index/repository/archive_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace orcio::inline index {
namespace {

struct Date {
  int year = 0, month = 0, day = 0;
  int hour = 0, minute = 0, second = 0;
  int time_fields = 0;  // 0: a day; 2: to the minute; 3: to the second
  bool utc = false;
};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Reads the digits of a date front to back.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text) {}

  bool Number(size_t digits, int low, int high, int& into) {
    if (text_.size() < digits ||
        !std::all_of(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(digits), IsDigit)) {
      return false;
    }
    into = 0;
    for (const char c : text_.substr(0, digits)) into = into * 10 + (c - '0');
    text_.remove_prefix(digits);
    return into >= low && into <= high;
  }
  // Passes over one of `characters`, if it comes next.
  bool Skip(std::string_view characters) {
    if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

bool ReadTime(DateReader& reader, Date& date) {
  constexpr std::string_view separators = ":-._h";
  if (!reader.Number(2, 0, 23, date.hour)) return false;
  reader.Skip(separators);
  if (!reader.Number(2, 0, 59, date.minute)) return false;
  date.time_fields = 2;
  if (reader.empty()) return true;
  if (reader.Skip("Z")) return date.utc = true;
  reader.Skip(separators);
  if (!reader.Number(2, 0, 60, date.second)) return false;
  date.time_fields = 3;
  date.utc = reader.Skip("Z");
  return true;
}

// Reads all of `text` as a date: 20221105, 2022-11-05, each with an optional time after it.
std::optional<Date> ReadDate(std::string_view text) {
  Date date;
  DateReader reader(text);
  if (!reader.Number(4, 1970, 9999, date.year)) return std::nullopt;
  reader.Skip("-._");
  if (!reader.Number(2, 1, 12, date.month)) return std::nullopt;
  reader.Skip("-._");
  if (!reader.Number(2, 1, 31, date.day)) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(date.year),
                                        std::chrono::month(static_cast<unsigned>(date.month)),
                                        std::chrono::day(static_cast<unsigned>(date.day))};
  if (!day.ok()) return std::nullopt;
  if (reader.empty()) return date;
  reader.Skip("T-._ ");
  if (!ReadTime(reader, date) || !reader.empty()) return std::nullopt;
  return date;
}

int64_t ToSeconds(const Date& date) {
  using namespace std::chrono;
  const sys_days day{year(date.year) / month(static_cast<unsigned>(date.month)) /
                     static_cast<int>(date.day)};
  return int64_t{day.time_since_epoch().count()} * 86400 + date.hour * 3600 + date.minute * 60 +
         date.second;
}

std::string Format(const Date& date) {
  std::string text = fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
  if (date.time_fields >= 2) text += fmt::format("T{:02}{:02}", date.hour, date.minute);
  if (date.time_fields >= 3) text += fmt::format("{:02}", date.second);
  if (date.utc) text += 'Z';
  return text;
}

struct Ending {
  std::string_view text;
  bool gzip;
};
constexpr std::array<Ending, 4> kEndings{
    {{".tar.gz", true}, {".tgz", true}, {".tar.gzip", true}, {".tar", false}}};

}  // namespace

std::optional<ArchiveName> ParseArchiveName(std::string_view file_name, int64_t mtime_seconds) {
  if (file_name.empty() || file_name.front() == '.') return std::nullopt;
  const auto* ending = std::find_if(kEndings.begin(), kEndings.end(), [&](const Ending& each) {
    return file_name.ends_with(each.text);
  });
  if (ending == kEndings.end()) return std::nullopt;
  const std::string_view stem = file_name.substr(0, file_name.size() - ending->text.size());
  if (stem.empty()) return std::nullopt;

  ArchiveName name;
  name.gzip = ending->gzip;
  // From the left: in wiki-2022-11-05 the date starts at the first dash after which all is a date.
  for (size_t at = stem.find_first_of("-_."); at != std::string_view::npos;
       at = stem.find_first_of("-_.", at + 1)) {
    const auto date = at == 0 ? std::nullopt : ReadDate(stem.substr(at + 1));
    if (!date) continue;
    name.service = stem.substr(0, at);
    name.date = Format(*date);
    name.seconds = ToSeconds(*date);
    return name;
  }
  name.service = stem;
  name.date = FormatDate(mtime_seconds);
  name.seconds = mtime_seconds;
  return name;
}

std::string FormatDate(int64_t seconds) {
  using namespace std::chrono;
  // What a file's time can be (year 1 to 9999); beyond it a date means nothing to a person.
  constexpr int64_t kFirst = -62135596800;
  constexpr int64_t kLast = 253402300799;
  const sys_seconds moment{std::chrono::seconds(std::clamp(seconds, kFirst, kLast))};
  const auto midnight = floor<days>(moment);
  const year_month_day day(midnight);
  const hh_mm_ss time(moment - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}{:02}{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::string MakeArchiveName(std::string_view service, int64_t seconds) {
  return fmt::format("{}-{}.tar.gz", service, FormatDate(seconds));
}

bool IsServiceName(std::string_view name) {
  const auto alphanumeric = [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (name.empty() || name.size() > 64 || !alphanumeric(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace orcio::inline index

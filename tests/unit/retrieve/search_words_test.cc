#include "retrieve/search/search_words.h"

#include <stdlib.h>

#include <ctime>

#include "tests/support/catch.h"

namespace orcio {
namespace {

std::pair<uint64_t, uint64_t> Sizes(std::string_view text) {
  SearchCriteria criteria;
  const auto read = ReadSize(text, criteria);
  if (!read) return {1, 0};
  return {criteria.least_bytes, criteria.most_bytes};
}

}  // namespace

TEST_CASE("A size is at least, at most, or as large") {
  CHECK((Sizes("+1M") == std::pair<uint64_t, uint64_t>(1 << 20, UINT64_MAX)));
  CHECK((Sizes("-10k") == std::pair<uint64_t, uint64_t>(0, 10 << 10)));
  CHECK((Sizes("512") == std::pair<uint64_t, uint64_t>(512, 512)));
  CHECK((Sizes("+16777215T").first == uint64_t{16777215} << 40));
  for (const char* bad : {"", "+", "x", "1.5M", "--1", "99999999999G", "1 M", "M"}) {
    CAPTURE(bad);
    CHECK((Sizes(bad) == std::pair<uint64_t, uint64_t>(1, 0)));
  }
}

TEST_CASE("A moment is a date, a number of seconds, or so long ago") {
  ::setenv("TZ", "UTC-2", 1);  // POSIX has it the other way round: two hours ahead
  ::tzset();
  constexpr int64_t kNow = 2'000'000'000;
  CHECK(ValueOf(ReadMoment("1970-01-02", kNow)) == 86400 - 7200);
  CHECK(ValueOf(ReadMoment("1970-01-01T02:00", kNow)) == 0);
  CHECK(ValueOf(ReadMoment("1970-01-01 02:00:30", kNow)) == 30);
  CHECK(ValueOf(ReadMoment("1970-01-01T02:00:30Z", kNow)) == 7230);
  CHECK(ValueOf(ReadMoment("2026-11-23T020000Z", kNow)) == 1'795'399'200);
  CHECK(ValueOf(ReadMoment("@-5", kNow)) == -5);
  CHECK(ValueOf(ReadMoment("@1700000000", kNow)) == 1'700'000'000);
  CHECK(ValueOf(ReadMoment("2w", kNow)) == kNow - 14 * 86400);
  CHECK(ValueOf(ReadMoment("90s", kNow)) == kNow - 90);
  for (const char* bad : {"", "yesterday", "2026-13-01", "5", "5y", "2026-11-23T", "@", "@x"}) {
    CAPTURE(bad);
    CHECK(ReadMoment(bad, kNow).error().kind == ErrorKind::kInvalid);
  }
  ::unsetenv("TZ");
  ::tzset();
}

TEST_CASE("Types are words or the letters of find") {
  SearchCriteria criteria;
  REQUIRE_OK(ReadTypes("f,directory,l", criteria));
  CHECK((criteria.types ==
         std::vector<EntryType>{EntryType::kFile, EntryType::kDirectory, EntryType::kSymlink}));
  for (const char* bad : {"", "x", "f,,d", "f d"}) {
    CAPTURE(bad);
    SearchCriteria none;
    CHECK_FALSE(ReadTypes(bad, none));
  }
}

}  // namespace orcio

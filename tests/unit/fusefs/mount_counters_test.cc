#include "fusefs/kernel/mount_counters.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

MountCounters Example() {
  MountCounters counters;
  counters.requests = 1;
  counters.open_files = 2;
  counters.open_archives = 3;
  counters.cache_budget = 4;
  counters.cache.bytes = 5;
  counters.cache.hits = 6;
  counters.cache.misses = 7;
  counters.cache.waits = 8;
  counters.cache.decodes = 9;
  counters.cache.decoded_bytes = 10;
  counters.cache.decode_nanoseconds = uint64_t{11} << 40;
  return counters;
}

}  // namespace

TEST_CASE("Counters come back from their text as they were") {
  const std::string text = ToText(Example());
  CHECK(text.find("hits 6\n") != std::string::npos);
  CHECK(ToText(ValueOf(ParseMountCounters(text))) == text);
  CHECK(ToText(ValueOf(ParseMountCounters("something_new 5\n" + text + "more"))) == text);
}

TEST_CASE("A text that lacks a counter is refused by that counter's name") {
  const std::string text = ToText(Example());
  for (size_t line = text.find('\n') + 1; line < text.size(); line = text.find('\n', line) + 1) {
    const std::string name = text.substr(line, text.find(' ', line) - line);
    std::string without = text;
    without.erase(line, text.find('\n', line) + 1 - line);
    const auto parsed = ParseMountCounters(without);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().message.find("number of " + name) != std::string::npos);
  }
  for (const char* garbage :
       {"", "\n", "hits", "hits x", "hits -1", "hits 99999999999999999999999"})
    CHECK_FALSE(ParseMountCounters(garbage).has_value());
}

}  // namespace orcio

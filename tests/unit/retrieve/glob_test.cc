#include "retrieve/search/glob.h"

#include "retrieve/search/path_pattern.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

bool Matches(std::string_view pattern, std::string_view path) {
  return ValueOf(PathPattern::Parse(pattern)).MatchesPath(path);
}

}  // namespace

TEST_CASE("A glob matches as a shell's does") {
  CHECK(GlobMatches("*.php", "index.php"));
  CHECK(GlobMatches("*.php", ".php"));
  CHECK(GlobMatches("*", ""));
  CHECK(GlobMatches("a*b*c", "aXbXbXc"));
  CHECK_FALSE(GlobMatches("a*b*c", "aXcXb"));
  CHECK_FALSE(GlobMatches("*.php", "index.php5"));
  CHECK(GlobMatches("[a-c]x[!0-9]", "bxz"));
  CHECK_FALSE(GlobMatches("[a-c]x[!0-9]", "bx5"));
  CHECK(GlobMatches("[]x]", "]"));
  CHECK(GlobMatches("[a", "[a"));
  CHECK(GlobMatches("\\*\\[", "*["));
  CHECK_FALSE(GlobMatches("\\*", "x"));
  CHECK(GlobMatches("new\nline", "new\nline"));
  CHECK_FALSE(GlobMatches("", "x"));
}

TEST_CASE("A ? takes a character of UTF-8, and a byte that is none") {
  CHECK(GlobMatches("caf?", "caf\xc3\xa9"));
  CHECK(GlobMatches("??", "\xff\xfe"));
  CHECK(GlobMatches("[\xc3\xa0-\xc3\xaf]", "\xc3\xa9"));
  CHECK(GlobMatches("?\xc3\xa9", "\xc3\xc3\xa9"));
  CHECK_FALSE(GlobMatches("?", "a/b"));
  CHECK_FALSE(GlobMatches("?", "/"));
}

TEST_CASE("A glob of many stars takes no longer than both lengths multiplied") {
  std::string stars;
  for (int i = 0; i < 500; ++i) stars += "a*";
  CHECK_FALSE(GlobMatches(stars + "b", std::string(20'000, 'a')));
}

TEST_CASE("A pattern is literal where it has no wildcard, escapes taken out") {
  CHECK(LiteralOf("page") == "page");
  CHECK(LiteralOf("a\\*b") == "a*b");
  CHECK(LiteralOf("[x") == "[x");
  CHECK_FALSE(LiteralOf("[x]"));
  CHECK_FALSE(LiteralOf("pag?"));
}

TEST_CASE("A pattern without a slash is for names, one with a slash for paths from the root") {
  CHECK(Matches("*.php", "srv/wiki/index.php"));
  CHECK(Matches("wiki/", "srv/wiki"));
  CHECK_FALSE(Matches("wiki/*.php", "srv/wiki/index.php"));
  CHECK(Matches("srv/wiki/*.php", "srv/wiki/index.php"));
  CHECK(Matches("/srv/*/*.php", "srv/wiki/index.php"));
  CHECK_FALSE(Matches("srv/*.php", "srv/wiki/index.php"));
  CHECK(Matches("srv/**/*.php", "srv/wiki/a/b/index.php"));
  CHECK(Matches("srv/**/*.php", "srv/index.php"));
  CHECK(Matches("**/a/**/b", "x/a/b"));
  CHECK(Matches("srv/**", "srv/wiki"));
  CHECK_FALSE(Matches("**/a/**/b", "x/a"));
  CHECK(PathPattern::Parse("").error().kind == ErrorKind::kInvalid);
  CHECK(PathPattern::Parse("/").error().kind == ErrorKind::kInvalid);
  std::string deep = "a";
  for (int i = 0; i < 60; ++i) deep += "/a";
  CHECK(PathPattern::Parse(deep).error().kind == ErrorKind::kInvalid);
}

}  // namespace orcio

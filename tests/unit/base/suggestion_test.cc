#include "base/text/suggestion.h"

#include <array>

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("A mistyped word gets the nearest known one, or all of them") {
  constexpr std::array<std::string_view, 3> kKnown{"wiki", "gestionaledb", "dns"};
  CHECK(NearestWord("wikki", kKnown) == "wiki");
  CHECK(NearestWord("gestionledbb", kKnown) == "gestionaledb");
  CHECK_FALSE(NearestWord("elephant", kKnown));
  CHECK_FALSE(NearestWord("x", kKnown));
  CHECK_FALSE(NearestWord(std::string(100'000, 'w'), kKnown));
  CHECK(Suggestion("dsn", kKnown) == "; did you mean `dns`?");
  CHECK(Suggestion("elephant", kKnown) == "; known are: wiki, gestionaledb, dns");
  CHECK(Suggestion("x", {}).empty());
}

}  // namespace orcio

#pragma once

#include <string>
#include <vector>

namespace orcio::test {

// A tar made by hand, header by header, for what no program at hand writes.
struct TarFixture {
  std::string name;
  std::string how;  // how it was made, and why
  std::string tar;
};

// Every dialect, oddity and malformation once; small, for tests and as seeds for fuzzing.
[[nodiscard]] std::vector<TarFixture> TarFixtures();

}  // namespace orcio::test

#include "index/entry/extent_check.h"

#include <vector>

#include "tests/support/catch.h"

namespace orcio {
namespace {

// Of a file of 100 bytes in a tar of 1,000.
bool Sound(const std::vector<Extent>& extents) {
  return ExtentsAreSound(extents, 100, 1000);
}

}  // namespace

TEST_CASE("Extents that ascend within their file and its tar are sound") {
  CHECK(Sound({}));
  CHECK(Sound({{0, 512, 100}}));
  CHECK(Sound({{0, 900, 40}, {60, 512, 40}}));  // where they stand in the tar is another matter
  CHECK(Sound({{0, 0, 50}, {50, 50, 50}}));
  CHECK(Sound({{0, 0, 50}, {100, 1000, 0}}));  // GNU tar ends its map so
}

TEST_CASE("Extents that overlap or go back or reach beyond their file or its tar are not") {
  CHECK_FALSE(Sound({{1, 512, 100}}));
  CHECK_FALSE(Sound({{101, 512, 0}}));
  CHECK_FALSE(Sound({{0, 901, 100}}));
  CHECK_FALSE(Sound({{0, 1001, 0}}));
  CHECK_FALSE(Sound({{0, 0, 51}, {50, 100, 10}}));
  CHECK_FALSE(Sound({{50, 0, 10}, {0, 100, 10}}));
  CHECK_FALSE(ExtentsAreSound(std::vector<Extent>{{UINT64_MAX, 0, 1}}, UINT64_MAX, UINT64_MAX));
  CHECK_FALSE(ExtentsAreSound(std::vector<Extent>{{0, UINT64_MAX, 1}}, UINT64_MAX, UINT64_MAX));
}

}  // namespace orcio

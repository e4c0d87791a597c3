#include "index/repository/latest_first.h"

#include <string>

#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr int64_t kNow = 1'764'000'000;
constexpr int64_t kDay = 86400;

// Archives of other services stand before and after wiki's.
std::vector<int64_t> Order(const std::vector<int64_t>& days) {
  std::vector<ArchiveFile> archives;
  const auto add = [&](const char* service, int64_t day) {
    ArchiveFile file;
    file.name.service = service;
    file.name.seconds = kNow + day * kDay;
    archives.push_back(std::move(file));
  };
  add("mail", -1);
  for (const int64_t day : days) add("wiki", day);
  add("zoo", 5);
  std::vector<int64_t> order;
  for (const ArchiveFile* archive : LatestFirst(archives, "wiki", kNow)) {
    CHECK(archive->name.service == "wiki");
    order.push_back((archive->name.seconds - kNow) / kDay);
  }
  return order;
}

}  // namespace

TEST_CASE("A date is in the future once no time zone explains it") {
  CHECK_FALSE(IsInFuture(kNow - 1, kNow));
  CHECK_FALSE(IsInFuture(kNow + 14 * 3600, kNow));
  CHECK_FALSE(IsInFuture(kNow + kDay, kNow));
  CHECK(IsInFuture(kNow + kDay + 1, kNow));
}

TEST_CASE("Archives come newest first and those of the future behind the oldest") {
  using Days = std::vector<int64_t>;
  CHECK(Order({}).empty());
  CHECK(Order({-3, -2, 0, 1}) == Days{1, 0, -2, -3});
  CHECK(Order({-3, -2, 2, 3650}) == Days{-2, -3, 3650, 2});
  // Of a machine whose clock is far behind.
  CHECK(Order({1000, 1001, 1002}) == Days{1002, 1001, 1000});
}

}  // namespace orcio

#include "retrieve/compare/text_diff.h"

#include <fstream>
#include <iterator>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

std::string RandomLines(std::mt19937& random, unsigned most) {
  std::string text;
  for (auto lines = random() % most; lines > 0; --lines)
    text += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
  if (random() % 3 == 0) text += "no newline";
  return text;
}

size_t ChangedLines(const std::string& diff) {
  size_t count = 0;
  for (size_t at = 0; at < diff.size(); at = diff.find('\n', at) + 1) {
    if (diff[at] == '+' || diff[at] == '-') ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("A diff is as diff -u writes it") {
  const std::string before = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
  const std::string after = "one\n2\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven";
  CHECK(UnifiedDiff(before, after) ==
        "@@ -1,5 +1,5 @@\n one\n-two\n+2\n three\n four\n five\n"
        "@@ -8,3 +8,4 @@\n eight\n nine\n ten\n+eleven\n\\ No newline at end of file\n");
  CHECK(UnifiedDiff(before, before).empty());
  CHECK(UnifiedDiff("", "x\n") == "@@ -0,0 +1 @@\n+x\n");
  CHECK(UnifiedDiff("x\n", "") == "@@ -1 +0,0 @@\n-x\n");
}

TEST_CASE("patch makes the second text of the first and the diff, which is a smallest one") {
  const test::ScratchDirectory scratch;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(scratch / name, std::ios::binary) << text;
  };
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const std::string before = RandomLines(random, 60);
    const std::string after = RandomLines(random, 60);
    write("before", before);
    write("after", after);
    const std::string diff = UnifiedDiff(before, after);
    CAPTURE(before, after, diff);
    const auto path = (scratch / "before").string();
    const auto minimal =
        test::RunCommand({"diff", "-u", "--minimal", path, (scratch / "after").string()}).out;
    if (diff.empty()) {
      CHECK(before == after);
      continue;
    }
    CHECK(ChangedLines(diff) + 2 == ChangedLines(minimal));
    test::MustRun({"patch", path},
                  {.input = "--- a\n+++ b\n" + diff, .environment = {}, .directory = {}});
    std::ifstream patched(path, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(patched), {}) == after);
  }
}

TEST_CASE("Texts with nothing in common are told apart in bounded time") {
  std::string before;
  std::string after;
  for (int i = 0; i < 30'000; ++i) {
    before += "before " + std::to_string(i) + "\n";
    after += "after " + std::to_string(i) + "\n";
  }
  CHECK(ChangedLines(UnifiedDiff(before, after)) == 60'000);
}

TEST_CASE("Names are quoted as GNU diff does it") {
  CHECK(DiffName("a/srv/caf\xc3\xa9 x") == "a/srv/caf\xc3\xa9 x");
  CHECK(DiffName("a\n\"b\\\x1b") == "\"a\\n\\\"b\\\\\\033\"");
}

}  // namespace orcio

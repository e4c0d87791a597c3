#include "retrieve/search/search.h"

#include <algorithm>
#include <random>
#include <set>

#include "base/bytes.h"
#include "index/files/file_system.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using namespace test;

struct Indexed {
  ScratchDirectory scratch;
  std::shared_ptr<const Sidecar> sidecar;

  explicit Indexed(const std::string& tar) {
    const auto bytes = AsBytes(tar);
    const auto made = MakeArchive(scratch / "x.tar.gz", {bytes.begin(), bytes.end()});
    sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), made.sidecar));
  }
  [[nodiscard]] std::vector<std::string> Find(const SearchCriteria& criteria) const {
    std::vector<std::string> paths;
    for (const NodeId id : ValueOf(Search(*sidecar, criteria)))
      paths.push_back(ValueOf(sidecar->Path(id)));
    return paths;
  }
  [[nodiscard]] std::vector<std::string> Find(std::string_view pattern) const {
    SearchCriteria criteria;
    criteria.pattern = ValueOf(PathPattern::Parse(pattern));
    return Find(criteria);
  }
};

// Names of one to three letters of two: each is part of many others.
std::string RandomTar(unsigned seed) {
  std::mt19937 random(seed);
  const auto name = [&] {
    std::string text(1 + random() % 3, 'a');
    for (char& c : text) c = random() % 2 == 0 ? 'a' : 'b';
    return text;
  };
  std::string tar;
  for (int i = 0; i < 300; ++i) {
    std::string path = name();
    for (unsigned depth = random() % 4; depth > 0; --depth) path += "/" + name();
    // Directories end in a letter of their own, so that nothing is both.
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 2))
      path.insert(at, "d");
    tar += HandMadeHeader{.path = path}.Block();
  }
  return tar + EndMarker();
}

}  // namespace

TEST_CASE("A name looked up is found where looking at every entry finds it") {
  const unsigned seed = GENERATE(range(0U, 20U));
  CAPTURE(seed);
  const Indexed indexed(RandomTar(seed));
  for (const std::string name : {"a", "b", "aa", "ab", "aba", "bbb", "ad", "abd", "dd", "bd"}) {
    CAPTURE(name);
    // The same as a path pattern, which goes down the tree.
    const auto walked = indexed.Find("**/" + name);
    CHECK(indexed.Find(name) == walked);
    for (const std::string& path : walked) CHECK((path == name || path.ends_with("/" + name)));
  }
  CHECK(ValueOf(indexed.sidecar->NodesNamed("")).empty());
  CHECK(ValueOf(indexed.sidecar->NodesNamed("a/a")).empty());
  const auto all = indexed.Find("*");
  CHECK(all.size() == indexed.sidecar->node_count() - 1);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
}

TEST_CASE("Size, time and type narrow a search") {
  HandMadeHeader small{.path = "d/small", .size = SizeField(10), .mtime = SizeField(1000)};
  HandMadeHeader large{.path = "d/large", .size = SizeField(600), .mtime = SizeField(2000)};
  HandMadeHeader link{
      .path = "d/link", .type = '2', .mtime = SizeField(3000), .link_target = "small"};
  const Indexed indexed(small.Block() + Padded(std::string(10, 'x')) + large.Block() +
                        Padded(std::string(600, 'x')) + link.Block() + EndMarker());
  SearchCriteria criteria;
  criteria.pattern = ValueOf(PathPattern::Parse("*"));
  using Paths = std::vector<std::string>;
  CHECK((indexed.Find(criteria) == Paths{"d", "d/large", "d/link", "d/small"}));
  SECTION("at least") {
    criteria.least_bytes = 11;
    CHECK((indexed.Find(criteria) == Paths{"d/large"}));
  }
  SECTION("at most") {
    criteria.most_bytes = 10;
    CHECK((indexed.Find(criteria) == Paths{"d/link", "d/small"}));
  }
  SECTION("newer and older") {
    criteria.newer_than = 2000;
    criteria.older_than = 3000;
    CHECK((indexed.Find(criteria) == Paths{"d/large"}));
  }
  SECTION("types") {
    criteria.types = {EntryType::kDirectory, EntryType::kSymlink};
    CHECK((indexed.Find(criteria) == Paths{"d", "d/link"}));
  }
}

}  // namespace orcio

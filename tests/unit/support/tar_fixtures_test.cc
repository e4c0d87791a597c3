#include "tests/support/archives/tar_fixtures.h"

#include <unistd.h>

#include <fstream>
#include <map>

#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio {
namespace {

using test::ScanBytes;
using test::ScannedTar;
using test::TarFixture;

TarFixture Fixture(const std::string& name) {
  for (TarFixture& fixture : test::TarFixtures()) {
    if (fixture.name == name) return fixture;
  }
  throw std::out_of_range(name);
}

// Path and, after '=', the content of files that are whole; one a line.
std::string Summary(const ScannedTar& scanned, const std::string& tar) {
  std::string summary;
  for (const TarEntry& entry : scanned.entries) {
    summary += entry.path.substr(0, 20);
    if (entry.type == EntryType::kHardLink) summary += "->" + entry.link_target;
    if (entry.type == EntryType::kFile)
      summary += !entry.complete   ? "!"
                 : entry.size > 20 ? "=..."
                                   : "=" + test::ContentOf(entry, tar);
    summary += '\n';
  }
  return summary;
}

}  // namespace

TEST_CASE("Every fixture reads as it was made, whatever pieces it comes in") {
  struct Expected {
    std::string entries;
    bool whole = true;
    bool damaged = false;
  };
  const std::string twenty(20, 'd');
  const std::map<std::string, Expected> expected{
      {"v7", {"d/\nd/f=hi\n"}},
      {"ustar", {"a=x\nh->a\ns\nc\nb\nd\np\n"}},
      {"xstar", {"prefix/name=\n"}},
      {"gnu_long", {twenty + "\n"}},
      {"gnu_sparse", {"sparse=...\nnext=x\n"}},
      {"gnu_incremental", {"d/\n"}},
      {"gnu_volume", {"next=x\n"}},
      {"gnu_numbers", {"f=\n"}},
      {"pax", {twenty + "=x\n"}},
      {"pax_sparse_00", {"sparse=...\n"}},
      {"pax_sparse_01", {"sparse=...\n"}},
      {"pax_sparse_10", {"sparse=...\n"}},
      {"solaris", {std::string("a=x\0\0y\n", 7)}},
      {"paths", {"../a=1\n/b=2\nc/../../d=3\n.//e//f=4\ne=5\ne/g/h=6\nb/i=7\nE=8\n"}},
      {"links", {"a->b\nb->b\nb=x\nc->b\n"}},
      {"pax_links", {"a=x\nb->a\nc=y\n"}},
      {"two_extended", {"a=x\n"}},
      {"symlinks", {"d\ns\ns/a=1\nt\nt/b=2\nu\nu/c=3\nl->s/a\n"}},
      {"no_numbers", {"a=x\n"}},
      {"damaged_header", {"a=x\nb=y\n", false, true}},
      {"damaged_extension", {"a=x\nc=z\n", false, true}},
      {"bad_records", {"a=x\nb=y\n", false, true}},
      {"lying_maps", {"sparse!\nsparse!\nnext=x\n"}},
      {"garbage", {"a=x\nb=y\n", false, true}},
      {"concatenated", {"a=x\n", false}},
      {"no_end", {"a=x\n", false}},
      {"cut", {"a!\n", false}},
  };
  for (const TarFixture& fixture : test::TarFixtures()) {
    const size_t piece = GENERATE(1U, 700U, 65536U);
    CAPTURE(fixture.name, fixture.how, piece);
    const ScannedTar scanned = ScanBytes(fixture.tar, piece);
    if (fixture.name == "huge_sizes") {
      CHECK_FALSE(scanned.summary.has_value());
      continue;
    }
    REQUIRE_OK(scanned.summary);
    const Expected& expect = expected.at(fixture.name);
    CHECK(Summary(scanned, fixture.tar) == expect.entries);
    CHECK(scanned.summary->whole() == expect.whole);
    CHECK(scanned.summary->damage.has_value() == expect.damaged);
  }
}

TEST_CASE("All forms of one sparse file are the same file") {
  const ScannedTar first = ScanBytes(Fixture("pax_sparse_00").tar);
  for (const char* name : {"pax_sparse_01", "pax_sparse_10"}) {
    const ScannedTar other = ScanBytes(Fixture(name).tar);
    CHECK(other.entries.at(0).digest == first.entries.at(0).digest);
    CHECK(other.entries.at(0).size == 5000);
  }
  CHECK(ScanBytes(Fixture("gnu_sparse").tar).entries.at(0).extents.size() == 5);
}

TEST_CASE("Extended attributes and ACLs are those that bsdtar extracts") {
  if (::geteuid() != 0) {
    if (test::MustHaveAll()) FAIL("this test needs root");
    WARN("this test needs root");
    return;
  }
  // The first mode is as bsdtar writes it, with what the owning group may.
  const std::string tar =
      test::PaxHeader({"SCHILY.xattr.user.a=b", "LIBARCHIVE.xattr.user.c%20d=ZA",
                       "SCHILY.acl.access=user::rw-,user:1000:r--,user:lisa:r-x:1001,group::r--,"
                       "mask::r-x,other::---"}) +
      test::HandMadeHeader{.path = "f", .mode = "0000640"}.Block() +
      test::PaxHeader(
          {"SCHILY.acl.default=user::rwx,group:7:r-x,group::r-x,mask::rwx,other::---"}) +
      test::HandMadeHeader{.path = "d", .type = '5', .mode = "0000755"}.Block() + test::EndMarker();
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / "t.tar", std::ios::binary) << tar;
  std::filesystem::create_directory(scratch / "x");
  test::MustRun({"bsdtar", "-x", "-p", "--numeric-owner", "--xattrs", "--acls", "-f",
                 (scratch / "t.tar").string(), "-C", (scratch / "x").string()});
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->warnings.empty());
  for (const test::TreeLine& line : test::ListTree(scratch / "x")) {
    CAPTURE(line.path);
    std::map<std::string, std::string> ours;
    for (const auto& [name, value] : scanned.At(line.path).attributes) ours.emplace(name, value);
    CHECK(ours == line.attributes);
    CHECK(scanned.At(line.path).mode == line.mode);
  }
}

}  // namespace orcio

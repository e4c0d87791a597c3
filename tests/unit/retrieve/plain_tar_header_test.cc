// The headers for a tar that knows no pax records.

#include "base/bytes.h"
#include "index/tar/tar_block.h"
#include "retrieve/dump/tar_header.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"

namespace orcio::test {
namespace {

// What orcio's own reader makes of the header and an empty content.
TarEntry ReadBack(const TarEntry& entry, const OwnerNames& names = {}) {
  const ScannedTar scanned = ScanBytes(MakePlainTarHeader(entry, names).bytes + EndMarker());
  REQUIRE(scanned.summary.has_value());
  REQUIRE(scanned.entries.size() == 1);
  return scanned.entries.front();
}

}  // namespace

TEST_CASE("A plain header has long names and large numbers, and needs no pax record for them") {
  TarEntry entry;
  entry.path = std::string(300, 'p') + "/\xff\n\xc3\xa9";
  entry.type = EntryType::kSymlink;
  entry.link_target = std::string(4000, 't');
  entry.mode = 0777;
  entry.uid = 4'294'967'290;
  entry.gid = 2'097'152;
  entry.mtime = {int64_t{1} << 35, 5};
  entry.attributes = {{"user.name", "value"}};
  const std::string bytes = MakePlainTarHeader(entry).bytes;
  CHECK(bytes.size() % kTarBlock == 0);
  CHECK(bytes.find("SCHILY") == std::string::npos);
  const TarEntry read = ReadBack(entry);
  CHECK(read.path == entry.path);
  CHECK(read.type == EntryType::kSymlink);
  CHECK(read.link_target == entry.link_target);
  CHECK(read.uid == entry.uid);
  CHECK(read.gid == entry.gid);
  CHECK(read.mtime == Timestamp{int64_t{1} << 35, 0});
  CHECK(read.attributes.empty());
}

TEST_CASE("A name that just fits, and one that just does not, are read back from a plain header") {
  const size_t length =
      GENERATE(size_t{99}, size_t{100}, size_t{101}, size_t{511}, size_t{512}, size_t{513});
  CAPTURE(length);
  TarEntry entry;
  entry.path = std::string(length, 'n');
  CHECK(ReadBack(entry).path == entry.path);
  entry.type = EntryType::kHardLink;
  entry.link_target = std::string(length, 'l');
  entry.path = "n";
  CHECK(ReadBack(entry).link_target == entry.link_target);
}

TEST_CASE("A plain header of a file with holes speaks of all of its content, 8 GiB and more too") {
  TarEntry entry;
  entry.path = "sparse";
  entry.size = uint64_t{9} << 30;
  entry.extents = {{.file_offset = 4096, .length = 1}};
  const TarHeader header = MakePlainTarHeader(entry);
  CHECK(header.content_bytes == entry.size);
  REQUIRE(header.bytes.size() == kTarBlock);
  CHECK(TarBlock(AsBytes(header.bytes)).Size() == entry.size);
}

TEST_CASE("A time before 1970 is 1970 in a plain header") {
  TarEntry entry;
  entry.path = "old";
  entry.mtime = {-5, 0};
  CHECK(ReadBack(entry).mtime == Timestamp{});
}

TEST_CASE("Owners' names stand in a header where there are any") {
  TarEntry entry;
  entry.path = "page";
  const OwnerNames names{"somebody", "some group"};
  for (const TarHeader& header : {MakeTarHeader(entry, names), MakePlainTarHeader(entry, names)}) {
    const TarBlock block(AsBytes(header.bytes));
    CHECK(block.Text(265, 32) == "somebody");
    CHECK(block.Text(297, 32) == "some group");
  }
}

}  // namespace orcio::test

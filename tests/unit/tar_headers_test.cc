#include "index/tar_headers.h"

#include <limits>

#include "index/bytes.h"
#include "tests/support/catch.h"
#include "tests/support/scanned_tar.h"

namespace orcio {
namespace {

TarHeaders Read(const std::string& blocks) {
  return ReadTarHeaders(AsBytes(blocks));
}

}  // namespace

TEST_CASE("Times of pax records count forward, before 1970 too") {
  CHECK(ParsePaxTime("0") == Timestamp{0, 0});
  CHECK(ParsePaxTime("1700000000.123456789") == Timestamp{1700000000, 123456789});
  CHECK(ParsePaxTime("1.5") == Timestamp{1, 500'000'000});
  CHECK(ParsePaxTime("1.1234567899") == Timestamp{1, 123456789});
  CHECK(ParsePaxTime("-1") == Timestamp{-1, 0});
  CHECK(ParsePaxTime("-1.5") == Timestamp{-2, 500'000'000});
  CHECK(ParsePaxTime("-0.25") == Timestamp{-1, 750'000'000});
  CHECK(ParsePaxTime("-9223372036854775807.9") ==
        Timestamp{std::numeric_limits<int64_t>::min(), 100'000'000});
}

TEST_CASE("What is no time is none") {
  for (const char* text : {"", "-", "x", "1x", "--1", "1.x", "9223372036854775808", "+1", " 1"}) {
    CAPTURE(text);
    CHECK_FALSE(ParsePaxTime(text).has_value());
  }
}

TEST_CASE("Names of attributes are decoded as their writer encodes them, and no further") {
  CHECK(DecodePaxAttributeName("user.a%3Db%25c", false) == "user.a=b%c");
  CHECK(DecodePaxAttributeName("user.%253D", false) == "user.%3D");
  CHECK(DecodePaxAttributeName("user.%41%3d%", false) == "user.%41%3d%");
  CHECK(DecodePaxAttributeName("user.a%20b%C3%a0%", true) == "user.a b\xc3\xa0%");
  CHECK(DecodePaxAttributeName("user.%2", true) == "user.%2");
  CHECK(DecodePaxAttributeName("user.%-1%2g", true) == "user.%-1%2g");
}

TEST_CASE("An attribute that libarchive wrote twice has its name as libarchive encodes it") {
  const std::string block = test::HandMadeHeader().Block();
  const std::string schily = "SCHILY.xattr.user.a%20b=\1\2";
  const std::string libarchive = "LIBARCHIVE.xattr.user.a%20b=AQI";
  using Attributes = std::vector<ExtendedAttribute>;
  CHECK(Read(test::PaxHeader({schily}) + block).attributes == Attributes{{"user.a%20b", "\1\2"}});
  CHECK(Read(test::PaxHeader({schily, libarchive}) + block).attributes ==
        Attributes{{"user.a b", "\1\2"}});
  CHECK(Read(test::PaxHeader({libarchive, schily}) + block).attributes ==
        Attributes{{"user.a b", "\1\2"}});
}

TEST_CASE("The name of a sparse file counts before its made-up path, in either order") {
  const std::string block = test::HandMadeHeader().Block();
  const std::string path = "path=GNUSparseFile.1/x";
  const std::string name = "GNU.sparse.name=x";
  CHECK(Read(test::PaxHeader({path, name}) + block).path == "x");
  CHECK(Read(test::PaxHeader({name, path}) + block).path == "x");
}

TEST_CASE("Records behind a malformed one are left alone, as libarchive leaves them") {
  std::string header = test::PaxHeader({"path=good", "mtime=5"});
  const size_t second = header.find("mtime");
  for (const char* length : {"00", "99", "-1", "x "}) {
    CAPTURE(length);
    std::string broken = header;
    broken.replace(second - 3, 2, length);
    const TarHeaders headers = Read(broken + test::HandMadeHeader().Block());
    CHECK(headers.path == "good");
    CHECK_FALSE(headers.mtime.has_value());
  }
}

TEST_CASE("Header blocks cut anywhere are read without looking beyond them") {
  const std::string blocks =
      test::PaxHeader({"path=p", "SCHILY.xattr.user.a=b"}) + test::HandMadeHeader().Block();
  for (size_t size = 0; size < blocks.size(); ++size) {
    const std::string cut = blocks.substr(0, size);
    const TarHeaders headers = Read(cut);
    CHECK(headers.extension_bytes <= size);
  }
}

}  // namespace orcio

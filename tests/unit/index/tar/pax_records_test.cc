#include "index/tar/pax_records.h"

#include <limits>

#include "base/bytes.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

std::string Record(const std::string& text) {
  std::string header = test::PaxHeader({text}).substr(512);
  return header.substr(0, header.find('\n') + 1);
}

PaxValues Read(const std::string& records) {
  PaxValues values;
  CHECK(ApplyPaxRecords(records, values) == "");
  return values;
}

}  // namespace

TEST_CASE("Times of pax records count forward, before 1970 too") {
  CHECK(ParsePaxTime("0") == Timestamp{0, 0});
  CHECK(ParsePaxTime("1700000000.123456789") == Timestamp{1700000000, 123456789});
  CHECK(ParsePaxTime("1.5") == Timestamp{1, 500'000'000});
  CHECK(ParsePaxTime("1.1234567899") == Timestamp{1, 123456789});
  CHECK(ParsePaxTime("-1") == Timestamp{-1, 0});
  CHECK(ParsePaxTime("-1.5") == Timestamp{-2, 500'000'000});
  // Down to the nanosecond before, not the next one to 1970.
  CHECK(ParsePaxTime("-1.0000000001") == Timestamp{-2, 999'999'999});
  CHECK(ParsePaxTime("-1.9999999999") == Timestamp{-2, 0});
  CHECK(ParsePaxTime("-1.5000000000") == Timestamp{-2, 500'000'000});
  CHECK(ParsePaxTime("-0.25") == Timestamp{-1, 750'000'000});
  CHECK(ParsePaxTime("-9223372036854775807.9") ==
        Timestamp{std::numeric_limits<int64_t>::min(), 100'000'000});
}

TEST_CASE("A time ends where its digits do") {
  CHECK(ParsePaxTime("1x") == Timestamp{1, 0});
  CHECK(ParsePaxTime("1.x") == Timestamp{1, 0});
  CHECK(ParsePaxTime("-12 and more") == Timestamp{-12, 0});
  CHECK(ParsePaxTime("1.25x") == Timestamp{1, 250'000'000});
  CHECK(ParsePaxTime("1748089464.951928467a") == Timestamp{1748089464, 951928467});
  CHECK(ParsePaxTime("-1.123456789x9") == Timestamp{-2, 876'543'211});
}

TEST_CASE("What is no time is none") {
  for (const char* text :
       {"", "-", "x", "--1", ".", ".5", "-.5", "9223372036854775808", "+1", " 1"}) {
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
  const std::string schily = Record("SCHILY.xattr.user.a%20b=\1\2");
  const std::string libarchive = Record("LIBARCHIVE.xattr.user.a%20b=AQI");
  using Attributes = std::map<std::string, std::string>;
  const auto attributes = [](const std::string& records) {
    PaxValues values = Read(records);
    return PaxAttributes(values);
  };
  CHECK(attributes(schily) == Attributes{{"user.a%20b", "\1\2"}});
  CHECK(attributes(schily + libarchive) == Attributes{{"user.a b", "\1\2"}});
  CHECK(attributes(libarchive + schily) == Attributes{{"user.a b", "\1\2"}});
  CHECK(attributes(libarchive) == Attributes{{"user.a b", "\1\2"}});
  CHECK(attributes(schily + Record("SCHILY.xattr.user.a%20b=last")) ==
        Attributes{{"user.a%20b", "last"}});
  CHECK(attributes(Record("RHT.security.selinux=label")) ==
        Attributes{{"security.selinux", "label"}});
}

TEST_CASE("An empty value takes back what was said before") {
  const PaxValues values = Read(Record("path=a") + Record("uid=7") + Record("mtime=5") +
                                Record("path=") + Record("uid=") + Record("mtime="));
  CHECK_FALSE(values.path.has_value());
  CHECK_FALSE(values.uid.has_value());
  CHECK_FALSE(values.mtime.has_value());
}

TEST_CASE("Records behind a malformed one are left alone, and that is said") {
  for (const char* wrong :
       {"0 mtime=5\n", "99 mtime=5\n", "-1 mtime=5\n", "x mtime=5\n", "11 mtime=5x", "8 mtime\n",
        "6 =ab\n", "3 \n", "mtime=5\n", "99999999999999999999999 mtime=5\n"}) {
    CAPTURE(wrong);
    PaxValues values;
    CHECK(ApplyPaxRecords(Record("path=good") + wrong + Record("mtime=6"), values) ==
          "a malformed record");
    CHECK(values.path == "good");
    CHECK_FALSE(values.mtime.has_value());
  }
}

TEST_CASE("A number that is none is named and leaves the others alone") {
  for (const char* wrong : {"size=-1", "size=x", "size=99999999999999999999", "mtime=now"}) {
    CAPTURE(wrong);
    PaxValues values;
    CHECK(ApplyPaxRecords(Record(wrong) + Record("uid=7"), values).find("no number") !=
          std::string::npos);
    CHECK_FALSE(values.stored_bytes.has_value());
    CHECK(values.uid == 7);
  }
}

TEST_CASE("Records cut anywhere are read without looking beyond them") {
  const std::string records = Record("path=p") + Record("SCHILY.xattr.user.a=b");
  for (size_t size = 0; size < records.size(); ++size) {
    PaxValues values;
    const std::string cut = records.substr(0, size);
    static_cast<void>(ApplyPaxRecords(cut, values));
    CHECK(values.schily_attributes.empty());
  }
}

TEST_CASE("A sparse file's pieces come from pairs of records and from one list alike") {
  const PaxValues pairs = Read(Record("GNU.sparse.offset=1") + Record("GNU.sparse.numbytes=2") +
                               Record("GNU.sparse.offset=30") + Record("GNU.sparse.numbytes=4"));
  const PaxValues list = Read(Record("GNU.sparse.map=1,2,30,4"));
  CHECK(pairs.sparse_pieces == list.sparse_pieces);
  CHECK(list.sparse_pieces == std::vector<std::pair<uint64_t, uint64_t>>{{1, 2}, {30, 4}});
  CHECK(list.sparse_sound);
  for (const char* odd : {"GNU.sparse.map=1,2,3", "GNU.sparse.map=1,,3,4", "GNU.sparse.map=a,b",
                          "GNU.sparse.offset=1", "GNU.sparse.numbytes=1"}) {
    CAPTURE(odd);
    CHECK_FALSE(Read(Record(odd)).sparse_sound);
  }
}

}  // namespace orcio

#include "index/tar/tar_scanner.h"

#include <chrono>

#include "base/bytes.h"
#include "index/tar/tar_source.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"

// Tars made by hand: what programs write rarely, wrongly, or with intent.
namespace orcio {
namespace {

using test::EndMarker;
using test::HandMadeHeader;
using test::Padded;
using test::PaxHeader;
using test::ScanBytes;
using test::ScannedTar;
using test::SizeField;

const Sha256Digest kEmptyDigest = Sha256::Of({});

std::string FileOf(const std::string& path, const std::string& content) {
  return HandMadeHeader{.path = path, .size = SizeField(content.size())}.Block() + Padded(content);
}

// As old GNU tar writes it: a map of up to four pieces and the real size in the header.
std::string OldSparse(const std::vector<std::pair<uint64_t, uint64_t>>& map, uint64_t real_size,
                      const std::string& stored) {
  std::string rest(247, '\0');
  for (size_t i = 0; i < map.size(); ++i) {
    rest.replace(386 - 265 + i * 24, 12, SizeField(map[i].first));
    rest.replace(386 - 265 + i * 24 + 12, 12, SizeField(map[i].second));
  }
  rest.replace(483 - 265, 12, SizeField(real_size));
  return HandMadeHeader{.type = 'S',
                        .size = SizeField(stored.size()),
                        .magic = std::string("ustar  \0", 8),
                        .rest = rest}
             .Block() +
         Padded(stored);
}

// Hands out `head`, then `filling` bytes of 0xff, then `tail`.
class LongSource : public TarSource {
 public:
  LongSource(std::string head, uint64_t filling, std::string tail)
      : head_(std::move(head)), filling_(filling), tail_(std::move(tail)) {}

  Result<std::span<const std::byte>> Next() override {
    if (!std::exchange(head_given_, true)) return AsBytes(head_);
    if (filling_ > 0) {
      const auto piece = std::min<uint64_t>(filling_, piece_.size());
      filling_ -= piece;
      return AsBytes(piece_).first(static_cast<size_t>(piece));
    }
    return AsBytes(std::exchange(tail_given_, true) ? std::string_view() : tail_);
  }

 private:
  std::string head_;
  uint64_t filling_;
  std::string tail_;
  std::string piece_ = std::string(size_t{16} << 20, '\xff');
  bool head_given_ = false;
  bool tail_given_ = false;
};

ScannedTar ScanLong(LongSource source) {
  ScannedTar scanned;
  scanned.summary = ScanTar(source,
                            [&](TarEntry&& entry) -> Result<void> {
                              scanned.entries.push_back(std::move(entry));
                              return {};
                            },
                            {.digest = false});
  return scanned;
}

void CheckWarns(const ScannedTar& scanned, std::string_view what) {
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.summary->warnings.size() == 1);
  CHECK(scanned.summary->warning_count == 1);
  INFO(scanned.summary->warnings[0]);
  CHECK(scanned.summary->warnings[0].find(what) != std::string::npos);
}

}  // namespace

TEST_CASE("Each field of an entry comes from its header") {
  const std::string tar =
      PaxHeader({"mtime=1700000000.000000001", "SCHILY.xattr.user.b=2",
                 "LIBARCHIVE.xattr.user.a%20x=MQ",
                 "SCHILY.acl.access=user::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::---"}) +
      HandMadeHeader{.path = "a file", .mode = "0006640", .size = SizeField(5)}.Block() +
      Padded("hello") + EndMarker();
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->warnings.empty());
  REQUIRE(scanned.entries.size() == 1);
  const TarEntry& entry = scanned.entries[0];
  CHECK(entry.path == "a file");
  CHECK(entry.type == EntryType::kFile);
  CHECK(entry.mode == 06640);
  CHECK(entry.uid == 01750);
  CHECK(entry.gid == 01751);
  CHECK(entry.mtime == Timestamp{1700000000, 1});
  CHECK(entry.size == 5);
  CHECK(entry.extents == std::vector<Extent>{{0, 1536, 5}});
  CHECK(entry.header_offset == 0);
  CHECK(entry.data_offset == 1536);
  CHECK(entry.digest == Sha256::Of(AsBytes("hello")));
  CHECK(entry.complete);
  const std::string acl(
      "\2\0\0\0"
      "\1\0\6\0\xff\xff\xff\xff"
      "\2\0\4\0\xe8\3\0\0"
      "\4\0\4\0\xff\xff\xff\xff"
      "\x10\0\4\0\xff\xff\xff\xff"
      "\x20\0\0\0\xff\xff\xff\xff",
      44);
  CHECK(entry.attributes == std::vector<ExtendedAttribute>{{"system.posix_acl_access", acl},
                                                           {"user.a x", "1"},
                                                           {"user.b", "2"}});
}

TEST_CASE("Files above 8 GiB are read from pax and from base-256 headers") {
  constexpr uint64_t kSize = (uint64_t{9} << 30) + 1;
  const bool pax = GENERATE(true, false);
  const std::string head = pax ? PaxHeader({"size=" + std::to_string(kSize)}) +
                                     HandMadeHeader{.size = "00000000000"}.Block()
                               : HandMadeHeader{.size = SizeField(kSize)}.Block();
  const ScannedTar scanned =
      ScanLong({head, kSize, std::string(511, '\0') + FileOf("next", "x") + EndMarker()});
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->end_marker);
  REQUIRE(scanned.entries.size() == 2);
  CHECK(scanned.entries[0].size == kSize);
  CHECK(scanned.entries[0].extents == std::vector<Extent>{{0, head.size(), kSize}});
  CHECK(scanned.entries[0].complete);
  CHECK(scanned.entries[1].header_offset == head.size() + kSize + 511);
}

TEST_CASE("Owners that Linux cannot have become nobody, with a warning") {
  const std::string owner = GENERATE("4294967295", "4294967296", "-5", "99999999999999999999");
  const ScannedTar scanned =
      ScanBytes(PaxHeader({"uid=" + owner}) + HandMadeHeader().Block() + EndMarker());
  CheckWarns(scanned, "its owner");
  CHECK(scanned.entries.at(0).uid == 65534);
  CHECK(scanned.entries.at(0).gid == 01751);
}

TEST_CASE("A mode or a time that is no number is told") {
  HandMadeHeader header;
  SECTION("mode") {
    header.mode = "rw-r--r--";
    CheckWarns(ScanBytes(header.Block() + FileOf("next", "x") + EndMarker()), "mode");
  }
  SECTION("time") {
    header.mtime = "yesterday";
    const ScannedTar scanned = ScanBytes(header.Block() + FileOf("next", "x") + EndMarker());
    CheckWarns(scanned, "time");
    CHECK(scanned.entries.at(0).mtime == Timestamp{0, 0});
  }
  SECTION("a time that pax tells is enough") {
    header.mtime = "yesterday";
    const ScannedTar scanned = ScanBytes(PaxHeader({"mtime=5"}) + header.Block() + EndMarker());
    REQUIRE_OK(scanned.summary);
    CHECK(scanned.summary->warnings.empty());
  }
}

TEST_CASE("Owners and times in base-256 are read") {
  const std::string minus_one_day("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xae\x80", 12);
  const ScannedTar scanned = ScanBytes(
      HandMadeHeader{.uid = std::string("\x80\0\0\0\xff\xff\xff\xfe", 8), .mtime = minus_one_day}
          .Block() +
      EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.entries.at(0).uid == 4294967294);
  CHECK(scanned.entries.at(0).mtime == Timestamp{-86400, 0});
}

TEST_CASE("A hard link may carry the content again") {
  const std::string tar =
      FileOf("file", "same") + PaxHeader({"size=4", "linkpath=file"}) +
      HandMadeHeader{.path = "link", .type = '1', .size = SizeField(4), .link_target = "file"}
          .Block() +
      Padded("same") + FileOf("next", "") + EndMarker();
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  const TarEntry& link = scanned.At("link");
  CHECK(link.type == EntryType::kHardLink);
  CHECK(link.link_target == "file");
  CHECK(link.size == 4);
  CHECK(link.extents == std::vector<Extent>{{0, 2560, 4}});
  CHECK_FALSE(link.digest.has_value());
  CHECK(scanned.At("next").digest == kEmptyDigest);
}

TEST_CASE("A hard link's size is no content where the next headers follow at once") {
  const std::string magic =
      GENERATE(std::string(), std::string("ustar  \0", 8), std::string("ustar\00000", 8));
  CAPTURE(magic);
  const std::string before = PaxHeader({"comment=x"}) + FileOf("file", "same");
  const HandMadeHeader link{
      .path = "link", .type = '1', .size = SizeField(4), .link_target = "file", .magic = magic};
  const ScannedTar scanned =
      ScanBytes(before + link.Block() + FileOf("next", "") + FileOf("last", "x") + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->whole());
  CHECK(scanned.entries.size() == 4);
  CHECK(scanned.At("link").extents.empty());
  CHECK(scanned.At("last").digest == Sha256::Of(AsBytes("x")));
}

TEST_CASE("The last of several extended headers counts alone, as for GNU tar and bsdtar") {
  const ScannedTar scanned =
      ScanBytes(PaxHeader({"path=first", "mtime=5"}) + PaxHeader({"uid=7"}) +
                HandMadeHeader{.path = "name", .mtime = "00000000011"}.Block() +
                FileOf("next", "") + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->whole());
  CHECK(scanned.entries.at(0).path == "name");
  CHECK(scanned.entries.at(0).uid == 7);
  CHECK(scanned.entries.at(0).mtime == Timestamp{9, 0});
}

// bsdtar writes the owning group's permissions into the mode, where Linux has the mask's.
TEST_CASE("An access ACL makes the mode, as setting it does") {
  const std::string raw(
      "\2\0\0\0\1\0\6\0\xff\xff\xff\xff\4\0\7\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff", 28);
  const auto mode_after = [](const std::string& record, char type) {
    const ScannedTar scanned = ScanBytes(
        PaxHeader({record}) +
        HandMadeHeader{.type = type, .mode = "0004755", .link_target = "x"}.Block() + EndMarker());
    REQUIRE_OK(scanned.summary);
    return scanned.entries.at(0).mode;
  };
  CHECK(mode_after("SCHILY.acl.access=user::rw-,user:5:rwx,group::rwx,mask::r--,other::---", '0') ==
        04640);
  CHECK(mode_after("SCHILY.acl.access=user::rw-,user:5:r-x,group::r--,other::---", '0') == 04650);
  CHECK(mode_after("SCHILY.acl.access=user::rwx,group::r-x,other::---", '5') == 04750);
  CHECK(mode_after("SCHILY.xattr.system.posix_acl_access=" + raw, '0') == 04670);
  // What no kernel would set, and what no symlink has.
  CHECK(mode_after("SCHILY.acl.access=user::---,group::---", '0') == 04755);
  CHECK(mode_after("SCHILY.xattr.system.posix_acl_access=" + raw.substr(0, 27), '0') == 04755);
  CHECK(mode_after("SCHILY.acl.access=user::---,group::---,other::---", '2') == 04755);
  CHECK(mode_after("SCHILY.acl.default=user::---,group::---,other::---", '5') == 04755);
}

TEST_CASE("A raw ACL counts before the same one in words") {
  const std::string raw("\2\0\0\0\1\0\7\0\xff\xff\xff\xff", 12);
  const ScannedTar scanned = ScanBytes(
      PaxHeader({"SCHILY.acl.access=user::rw-\nuser:lisa:r--\ngroup::r--\nmask::r--\nother::---",
                 "SCHILY.xattr.system.posix_acl_access=" + raw}) +
      HandMadeHeader().Block() + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->warnings.empty());
  CHECK(scanned.entries.at(0).attributes ==
        std::vector<ExtendedAttribute>{{"system.posix_acl_access", raw}});
}

TEST_CASE("An ACL that names somebody without a number leaves him out and says so") {
  const ScannedTar scanned = ScanBytes(
      PaxHeader({"SCHILY.acl.access=user::rw-\nuser:nobody here:r--\ngroup::r--\nmask::r--\n"
                 "other::---"}) +
      HandMadeHeader().Block() + EndMarker());
  CheckWarns(scanned, "nobody here");
  CHECK(scanned.entries.at(0).attributes.at(0).value.size() == 4 + 4 * 8);
}

TEST_CASE("Entries that no tree can hold are left out with a warning") {
  SECTION("no name") {
    CheckWarns(ScanBytes(HandMadeHeader{.path = ""}.Block() + FileOf("next", "x") + EndMarker()),
               "no name");
  }
  SECTION("a symlink to nothing") {
    CheckWarns(ScanBytes(HandMadeHeader{.type = '2'}.Block() + FileOf("next", "x") + EndMarker()),
               "link to nothing");
  }
  SECTION("the rest of a file from another volume") {
    CheckWarns(ScanBytes(HandMadeHeader{.type = 'M', .size = SizeField(600)}.Block() +
                         Padded(std::string(600, 'm')) + FileOf("next", "x") + EndMarker()),
               "another volume");
  }
}

TEST_CASE("An unknown type is taken for a file, as POSIX says, with a warning") {
  const ScannedTar scanned = ScanBytes(HandMadeHeader{.type = 'Z', .size = SizeField(3)}.Block() +
                                       Padded("abc") + FileOf("next", "x") + EndMarker());
  CheckWarns(scanned, "0x5a");
  CHECK(scanned.entries.at(0).type == EntryType::kFile);
  CHECK(scanned.entries.at(0).digest == Sha256::Of(AsBytes("abc")));
  CHECK(scanned.entries.size() == 2);
}

TEST_CASE("A directory of an incremental backup has no content, though its entry has") {
  const ScannedTar scanned =
      ScanBytes(HandMadeHeader{.path = "d/", .type = 'D', .size = SizeField(6)}.Block() +
                Padded(std::string("Yfile\0", 6)) + FileOf("next", "x") + EndMarker());
  REQUIRE_OK(scanned.summary);
  const TarEntry& directory = scanned.At("d/");
  CHECK(directory.type == EntryType::kDirectory);
  CHECK(directory.size == 0);
  CHECK(directory.extents.empty());
  CHECK(scanned.At("next").header_offset == 1024);
}

TEST_CASE("Strings end at a NUL") {
  const std::string tar = PaxHeader({std::string("path=a\0b", 8), std::string("linkpath=c\0d", 12),
                                     std::string("SCHILY.xattr.user.x\0y=v", 23)}) +
                          HandMadeHeader{.type = '2', .link_target = "x"}.Block() + EndMarker();
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  const TarEntry& entry = scanned.entries.at(0);
  CHECK(entry.path == "a");
  CHECK(entry.link_target == "c");
  for (const auto& attribute : entry.attributes) {
    CHECK(attribute.name.find('\0') == std::string::npos);
  }
}

TEST_CASE("A sparse file's holes are digested as zeros, up to a bound") {
  const std::string tar = OldSparse({{1000, 5}, {10000, 5}}, 20000, "helloworld") + EndMarker();
  std::string content(20000, '\0');
  content.replace(1000, 5, "hello");
  content.replace(10000, 5, "world");
  // Of 19,990 bytes of holes, the 512 of the header pay for four times as many.
  constexpr uint64_t kPaid = uint64_t{4} * 512;
  const ScannedTar scanned = ScanBytes(tar, 512, {.max_hole_bytes = 19990 - kPaid});
  REQUIRE_OK(scanned.summary);
  const TarEntry& entry = scanned.entries.at(0);
  CHECK(entry.size == 20000);
  CHECK(entry.extents == std::vector<Extent>{{1000, 512, 5}, {10000, 517, 5}});
  CHECK(entry.digest == Sha256::Of(AsBytes(content)));
  const ScannedTar bounded = ScanBytes(tar, 512, {.max_hole_bytes = 19989 - kPaid});
  CHECK_FALSE(bounded.entries.at(0).digest.has_value());
  CHECK(bounded.entries.at(0).complete);
  CHECK_FALSE(ScanBytes(tar, 512, {.digest = false}).entries.at(0).digest.has_value());
}

TEST_CASE("A hole of exabytes costs nothing") {
  const auto start = std::chrono::steady_clock::now();
  const uint64_t size = uint64_t{1} << 62;
  const std::string tar = OldSparse({{0, 5}, {size, 0}}, size, "hello") + EndMarker();
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.entries.at(0).size == size);
  CHECK(scanned.entries.at(0).complete);
  CHECK_FALSE(scanned.entries.at(0).digest.has_value());
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("A label, a global header and nothing else make a whole tar") {
  for (const std::string& head :
       {std::string(), HandMadeHeader{.type = 'V'}.Block(), PaxHeader({"comment=x"}, 'g')}) {
    const ScannedTar scanned = ScanBytes(head + EndMarker());
    REQUIRE_OK(scanned.summary);
    CHECK(scanned.entries.empty());
    CHECK(scanned.summary->end_of_entries == head.size());
    CHECK(scanned.summary->end_marker);
    CHECK(scanned.summary->warnings.empty());
  }
}

TEST_CASE("Many sparse files with huge holes cost no more than one") {
  const auto start = std::chrono::steady_clock::now();
  const uint64_t size = uint64_t{1} << 31;
  std::string tar;
  for (int i = 0; i < 200; ++i) tar += OldSparse({{0, 5}, {size, 0}}, size, "hello");
  const ScannedTar scanned =
      ScanBytes(tar + EndMarker(), size_t{64} << 10, {.max_hole_bytes = uint64_t{2} << 30});
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.entries.front().digest.has_value());
  CHECK_FALSE(scanned.entries.back().digest.has_value());
  CHECK(scanned.entries.back().complete);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("Global records hold for the entries behind them, as GNU tar applies them") {
  const ScannedTar scanned = ScanBytes(
      FileOf("before", "") + PaxHeader({"mtime=7.5", "uid=4000"}, 'g') + FileOf("a", "x") +
      PaxHeader({"mtime=9"}) + FileOf("own", "y") + PaxHeader({"uid="}) + FileOf("taken back", "") +
      // The next one replaces it.
      PaxHeader({"gid=8"}, 'g') + FileOf("b", "z") + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->warnings.empty());
  CHECK(scanned.At("before").mtime == Timestamp{01750, 0});
  CHECK(scanned.At("a").mtime == Timestamp{7, 500'000'000});
  CHECK(scanned.At("a").uid == 4000);
  CHECK(scanned.At("own").mtime == Timestamp{9, 0});
  CHECK(scanned.At("own").uid == 4000);
  CHECK(scanned.At("taken back").uid == 01750);
  CHECK(scanned.At("b").mtime == Timestamp{01750, 0});
  CHECK(scanned.At("b").gid == 8);
}

}  // namespace orcio

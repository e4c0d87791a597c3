#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/bytes.h"
#include "index/tar/tar_headers.h"
#include "index/tar/tar_scanner.h"
#include "index/tar/tar_source.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/peak_memory.h"

// Tars that are cut, bent, or lie.
namespace orcio {
namespace {

using test::ContentOf;
using test::EndMarker;
using test::HandMadeHeader;
using test::Padded;
using test::PaxHeader;
using test::PeakMemory;
using test::ScanBytes;
using test::ScannedTar;
using test::SizeField;

std::string FileOf(const std::string& path, const std::string& content) {
  return HandMadeHeader{.path = path, .size = SizeField(content.size())}.Block() + Padded(content);
}

// GNU's pax form 1.0: the map stands before the data, and is part of what is stored.
std::string PaxSparse(const std::string& map, uint64_t real_size, const std::string& data) {
  const std::string stored = Padded(map) + data;
  return PaxHeader({"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=sparse",
                    "GNU.sparse.realsize=" + std::to_string(real_size)}) +
         HandMadeHeader{.path = "GNUSparseFile.0/sparse", .size = SizeField(stored.size())}
             .Block() +
         Padded(stored);
}

std::string SomeTar() {
  return FileOf("first", "content of the first") +
         PaxHeader({"mtime=1.5", "path=" + std::string(200, 'p'), "SCHILY.xattr.user.a=b"}) +
         FileOf("second", std::string(700, 's')) +
         HandMadeHeader{.path = "link", .type = '2', .link_target = "first"}.Block() +
         PaxSparse("2\n0\n3\n1000\n4\n", 5000, "abcdefg") +
         // The very end of the data is zeros: a cut there must not look like an end marker.
         FileOf("zeros", std::string(2048, '\0'));
}

// Entries that were handed out hold what they would in the whole tar.
void CheckAgainst(const ScannedTar& whole, const ScannedTar& cut, std::string_view tar) {
  REQUIRE(cut.entries.size() <= whole.entries.size());
  for (size_t i = 0; i < cut.entries.size(); ++i) {
    const TarEntry& entry = cut.entries[i];
    const TarEntry& original = whole.entries[i];
    REQUIRE(entry.path == original.path);
    REQUIRE(entry.size == original.size);
    if (entry.digest) REQUIRE(entry.digest == original.digest);
    if (entry.complete) {
      REQUIRE(entry.extents == original.extents);
    } else {
      REQUIRE(i + 1 == cut.entries.size());
      REQUIRE_FALSE(entry.digest.has_value());
    }
    for (const Extent& extent : entry.extents) {
      REQUIRE(extent.tar_offset + extent.length <= tar.size());
    }
  }
}

}  // namespace

TEST_CASE("A tar cut at any byte is never whole, and tells nothing wrong") {
  const std::string tar = SomeTar();
  const ScannedTar whole = ScanBytes(tar + EndMarker());
  REQUIRE_OK(whole.summary);
  REQUIRE(whole.summary->end_marker);
  REQUIRE(whole.entries.size() == 5);
  REQUIRE(whole.summary->end_of_entries == tar.size());
  for (size_t size = 0; size < tar.size() + 1024; ++size) {
    CAPTURE(size);
    const std::string cut = (tar + EndMarker()).substr(0, size);
    const ScannedTar scanned = ScanBytes(cut, 4096);
    if (size > 0 && size < 512) {
      REQUIRE(scanned.summary.error().kind == ErrorKind::kDamaged);
      continue;
    }
    REQUIRE_OK(scanned.summary);
    REQUIRE_FALSE(scanned.summary->end_marker);
    REQUIRE(scanned.summary->tar_bytes == size);
    REQUIRE(scanned.summary->warning_count > 0);
    REQUIRE(scanned.summary->entries == scanned.entries.size());
    CheckAgainst(whole, scanned, cut);
  }
}

TEST_CASE("A file cut inside its content is handed out as far as it goes") {
  const std::string tar = FileOf("file", std::string(3000, 'x')).substr(0, 512 + 1234);
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.entries.size() == 1);
  CHECK_FALSE(scanned.entries[0].complete);
  CHECK(scanned.entries[0].size == 3000);
  CHECK(scanned.entries[0].extents == std::vector<Extent>{{0, 512, 1234}});
  CHECK_FALSE(scanned.entries[0].digest.has_value());
  CHECK(scanned.summary->end_of_entries == tar.size());
}

TEST_CASE("Only two zero blocks and nothing but zeros behind them end a tar") {
  const std::string file = FileOf("file", "x");
  const auto is_whole = [](const std::string& tar) {
    const ScannedTar scanned = ScanBytes(tar, 700);
    REQUIRE_OK(scanned.summary);
    CHECK(scanned.entries.size() == 1);
    CHECK(scanned.summary->tar_bytes == tar.size());
    CHECK(scanned.summary->end_of_entries == 1024);
    CHECK((scanned.summary->warning_count == 0) == scanned.summary->end_marker);
    return scanned.summary->end_marker;
  };
  CHECK(is_whole(file + EndMarker()));
  CHECK(is_whole(file + std::string(10240, '\0')));
  CHECK(is_whole(file + std::string(1025, '\0')));
  CHECK_FALSE(is_whole(file + std::string(512, '\0')));
  CHECK_FALSE(is_whole(file + std::string(1023, '\0')));
  CHECK_FALSE(is_whole(file + std::string(512, '\0') + FileOf("more", "y") + EndMarker()));
  CHECK_FALSE(is_whole(file + EndMarker() + FileOf("more", "y") + EndMarker()));
  CHECK_FALSE(is_whole(file + EndMarker() + std::string(8000, '\0') + "x"));
}

TEST_CASE("A damaged header is named by offset, and what stands before and behind it is good") {
  std::string bad = FileOf("bad", "lost");
  bad[3] = 'B';
  const std::string tar = FileOf("good", "content") + bad + FileOf("behind", "more") + EndMarker();
  const ScannedTar scanned = ScanBytes(tar);
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.summary->damage.has_value());
  CHECK(scanned.summary->damage->offset == 1024);
  CHECK(scanned.summary->damage->message.find("offset 1024") != std::string::npos);
  CHECK(scanned.summary->warning_count == 1);
  CHECK(scanned.summary->end_marker);
  CHECK_FALSE(scanned.summary->whole());
  REQUIRE(scanned.entries.size() == 2);
  CHECK(scanned.At("good").digest == Sha256::Of(AsBytes("content")));
  CHECK(scanned.At("behind").digest == Sha256::Of(AsBytes("more")));
}

TEST_CASE("A tar within a file whose header is damaged is not taken for the tar itself") {
  const std::string inner = FileOf("inner", "not an entry of this tar") + EndMarker();
  std::string bad = FileOf("inner.tar", inner);
  bad[3] = 'X';
  const ScannedTar scanned = ScanBytes(bad + FileOf("behind", "x") + EndMarker());
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.entries.size() == 1);
  CHECK(scanned.entries[0].path == "behind");
}

TEST_CASE("Where a damaged header tells no size, the next block that is a header is found") {
  std::string bad = FileOf("bad", std::string(3000, 'x'));
  bad.replace(124, 11, "garbage....");
  const ScannedTar scanned = ScanBytes(FileOf("good", "") + bad + FileOf("behind", "x"), 700);
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->damage->offset == 512);
  CHECK(scanned.entries.size() == 2);
  CHECK(scanned.At("behind").digest == Sha256::Of(AsBytes("x")));
}

TEST_CASE("Garbage between entries is passed over and named") {
  const ScannedTar scanned =
      ScanBytes(FileOf("a", "x") + std::string(2048, '\x7f') + FileOf("b", "y") + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->damage->offset == 1024);
  CHECK(scanned.At("b").digest == Sha256::Of(AsBytes("y")));
}

TEST_CASE("What an extended header that cannot be read describes is left out, not misnamed") {
  std::string pax = PaxHeader({"path=" + std::string(150, 'p')});
  pax[0] = '?';
  const ScannedTar scanned =
      ScanBytes(pax + FileOf("cut short by the header", "x") + FileOf("next", "y") + EndMarker());
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.entries.size() == 1);
  CHECK(scanned.entries[0].path == "next");
  CHECK(scanned.summary->damage->offset == 0);
}

TEST_CASE("An extended header before the end belongs to no entry, which is damage") {
  const ScannedTar scanned = ScanBytes(FileOf("a", "x") + PaxHeader({"path=b"}) + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->damage->offset == 1024);
  CHECK(scanned.entries.size() == 1);
}

TEST_CASE("What is no tar at all is said to be none at once") {
  const auto error = [](const std::string& bytes) {
    const ScannedTar scanned = ScanBytes(bytes);
    REQUIRE_FALSE(scanned.summary.has_value());
    CHECK(scanned.summary.error().kind == ErrorKind::kDamaged);
    CHECK(scanned.entries.empty());
    return scanned.summary.error().message;
  };
  CHECK(error("hello\n") == "6 bytes are no tar");
  CHECK(error(std::string(2000, 'x')).starts_with("no tar begins at offset 0; not one"));
  CHECK(error(std::string(1024, '\0') + "x").starts_with("no tar begins at offset 0, but zeros"));
  CHECK(error("\xfd"
              "7zXZ" +
              std::string(1, '\0') + std::string(2000, 'x'))
            .find("something xz-compressed") != std::string::npos);
  // Not read to its end, which may be far.
  class Endless : public TarSource {
   public:
    Result<std::span<const std::byte>> Next() override {
      read += piece_.size();
      return AsBytes(piece_);
    }
    uint64_t read = 0;

   private:
    std::string piece_ = std::string(65536, 'x');
  } endless;
  const auto summary = ScanTar(endless, [](TarEntry&&) -> Result<void> { return {}; });
  REQUIRE_FALSE(summary.has_value());
  CHECK(summary.error().kind == ErrorKind::kDamaged);
  CHECK(endless.read <= TarHeaderReader::kMaxBytesBeforeTar + 2 * 65536);
}

TEST_CASE("A byte changed anywhere changes no other entry's digest and breaks nothing") {
  const std::string tar = SomeTar() + EndMarker();
  std::mt19937 random(1);
  for (size_t offset = 0; offset < tar.size(); ++offset) {
    std::string bent = tar;
    bent[offset] =
        static_cast<char>(static_cast<unsigned char>(bent[offset]) ^ (1 + random() % 255));
    const ScannedTar scanned = ScanBytes(bent, 1000);
    for (const TarEntry& entry : scanned.entries) {
      uint64_t end = 0;
      for (const Extent& extent : entry.extents) {
        REQUIRE(extent.file_offset >= end);
        REQUIRE(extent.tar_offset + extent.length <= bent.size());
        end = extent.file_offset + extent.length;
      }
      REQUIRE(end <= entry.size);
      REQUIRE(entry.path.find('\0') == std::string::npos);
      if (entry.digest && entry.size < 1'000'000) {
        REQUIRE(entry.digest == Sha256::Of(AsBytes(ContentOf(entry, bent))));
      }
    }
  }
}

TEST_CASE("A sparse map that lies makes the file incomplete, never zeros") {
  const auto scan = [](const std::string& map, uint64_t size, const std::string& data) {
    return ScanBytes(PaxSparse(map, size, data) + FileOf("next", "x") + EndMarker());
  };
  const auto check_incomplete = [](const ScannedTar& scanned) {
    REQUIRE_OK(scanned.summary);
    REQUIRE(scanned.entries.size() == 2);
    CHECK_FALSE(scanned.entries[0].complete);
    CHECK_FALSE(scanned.entries[0].digest.has_value());
    CHECK(scanned.entries[1].digest == Sha256::Of(AsBytes("x")));
  };
  REQUIRE(scan("2\n0\n3\n10\n2\n", 20, "abcde").entries.at(0).complete);
  SECTION("more than is stored") {
    check_incomplete(scan("1\n0\n9\n", 20, "abcde"));
  }
  SECTION("backwards") {
    check_incomplete(scan("2\n10\n3\n0\n2\n", 20, "abcde"));
  }
  SECTION("overlapping") {
    check_incomplete(scan("2\n0\n3\n2\n2\n", 20, "abcde"));
  }
  SECTION("beyond the end") {
    check_incomplete(scan("2\n0\n3\n18\n3\n", 20, "abcdef"));
  }
  SECTION("less than is stored") {
    check_incomplete(scan("1\n0\n3\n", 20, std::string(2000, 'x')));
  }
  SECTION("an offset that does not fit") {
    check_incomplete(scan("2\n0\n3\n99999999999999999999\n2\n", 20, "abcde"));
  }
  SECTION("no numbers") {
    check_incomplete(scan("2\n0\nx\n", 20, "abcde"));
  }
}

TEST_CASE("A size beyond all that follows costs no memory") {
  const uint64_t size = GENERATE(uint64_t{1} << 34, uint64_t{1} << 40, uint64_t{1} << 62);
  const std::string tar =
      HandMadeHeader{.size = SizeField(size)}.Block() + Padded("little") + EndMarker();
  const PeakMemory memory;
  const ScannedTar scanned = ScanBytes(tar);
  CHECK(memory.Growth() < PeakMemory::kFactor * (uint64_t{16} << 20));
  REQUIRE_OK(scanned.summary);
  REQUIRE(scanned.entries.size() == 1);
  CHECK_FALSE(scanned.entries[0].complete);
  CHECK(scanned.entries[0].extents == std::vector<Extent>{{0, 512, 1536}});
  CHECK_FALSE(scanned.summary->end_marker);
}

TEST_CASE("Headers without end are damage, and cost no memory") {
  // Less than they take in the tar, that is.
  const auto scan = [](const std::string& tar) {
    const PeakMemory memory;
    ScannedTar scanned = ScanBytes(tar);
    CHECK(memory.Growth() < PeakMemory::kFactor * TarHeaderReader::kMaxHeaderBytes);
    return scanned;
  };
  const ScannedTar pax =
      scan(PaxHeader({"path=" + std::string(TarHeaderReader::kMaxHeaderBytes, 'p')}) +
           FileOf("not its name", "x") + FileOf("next", "y") + EndMarker());
  REQUIRE_OK(pax.summary);
  CHECK(pax.summary->damage->offset == 0);
  REQUIRE(pax.entries.size() == 1);
  CHECK(pax.entries[0].path == "next");
  // A sparse map of any length is allowed by the format: here one of 20 MB.
  std::string map = "5000000\n";
  while (map.size() < TarHeaderReader::kMaxHeaderBytes + (size_t{4} << 20)) map += "1\n1\n";
  const ScannedTar sparse = scan(PaxSparse(map, 20, "x") + FileOf("next", "y") + EndMarker());
  REQUIRE_OK(sparse.summary);
  CHECK_FALSE(sparse.At("sparse").complete);
  CHECK(sparse.At("next").complete);
  // And extension headers one after another.
  std::string many;
  for (int i = 0; i < 40000; ++i) many += PaxHeader({"path=x"});
  const ScannedTar long_row = scan(many + FileOf("x", "y") + FileOf("next", "y") + EndMarker());
  REQUIRE_OK(long_row.summary);
  CHECK(long_row.summary->damage.has_value());
  CHECK(long_row.entries.size() == 1);
}

TEST_CASE("Warnings are counted beyond those that are kept, and show names as text that is safe") {
  std::string tar;
  for (int i = 0; i < 150; ++i) {
    tar += HandMadeHeader{.path = fmt::format("x\x1b[31m\xe2\x80\xae\xff\n{}", i), .type = 'Z'}
               .Block();
  }
  const ScannedTar scanned = ScanBytes(tar + EndMarker());
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->warning_count == 150);
  REQUIRE(scanned.summary->warnings.size() == 100);
  CHECK(scanned.summary->warnings[7].starts_with(
      "x\\x1b[31m\\xe2\\x80\\xae\\xff\\n7, at offset 3584: "));
}

TEST_CASE("The source's error and the sink's end the scan and come back as they are") {
  const std::string tar = FileOf("one", "x") + FileOf("two", "y") + EndMarker();
  SECTION("the source's") {
    const size_t size = GENERATE(0U, 100U, 512U, 700U, 1024U, 1500U, 2048U, 3000U);
    test::MemoryTarSource source(std::string_view(tar).substr(0, size), 300);
    source.error = Error{ErrorKind::kNetwork, 104, "the link broke"};
    const auto summary = ScanTar(source, [](TarEntry&&) -> Result<void> { return {}; });
    REQUIRE_FALSE(summary.has_value());
    CHECK(summary.error().kind == ErrorKind::kNetwork);
    CHECK(summary.error().message == "the link broke");
  }
  SECTION("the sink's") {
    test::MemoryTarSource source(tar);
    int calls = 0;
    const auto summary = ScanTar(source, [&](TarEntry&&) -> Result<void> {
      ++calls;
      return Fail(ErrorKind::kCancelled, "enough");
    });
    REQUIRE_FALSE(summary.has_value());
    CHECK(summary.error().kind == ErrorKind::kCancelled);
    CHECK(calls == 1);
  }
}

}  // namespace orcio

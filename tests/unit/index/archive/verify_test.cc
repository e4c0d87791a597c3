#include "index/verify/verify.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <set>

#include "base/bytes.h"
#include "index/sidecar/crc32.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_format.h"
#include "index/verify/verification.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::EndMarker;
using test::HandMadeHeader;
using test::Padded;
using test::SizeField;

std::string FileOf(const std::string& path, const std::string& content) {
  return HandMadeHeader{.path = path, .size = SizeField(content.size())}.Block() + Padded(content);
}

// Files of 3000 bytes in members of 4096: most members have parts of two or three of them.
std::string TarOfFiles(int count) {
  std::string tar;
  for (int i = 0; i < count; ++i)
    tar += FileOf(fmt::format("file{}", i), std::string(3000, static_cast<char>('a' + i)));
  return tar;
}

struct Checked {
  Result<VerifyCounts> counts;
  std::vector<ArchiveDamage> damages;
};

struct Archive {
  test::ScratchDirectory scratch;
  test::MadeArchive made;

  explicit Archive(const std::string& tar,
                   test::MadeArchiveOptions options = {.member_bytes = 4096}) {
    const auto bytes = AsBytes(tar);
    made =
        test::MakeArchive(scratch / "a-2026-11-23.tar.gz", {bytes.begin(), bytes.end()}, options);
  }
  [[nodiscard]] Checked Verify(bool read_data) const {
    Checked checked;
    VerifyOptions options;
    options.read_data = read_data;
    options.threads = 3;
    checked.counts =
        VerifyArchive(LocalFileSystem(), made.path, made.sidecar, options,
                      [&](const ArchiveDamage& damage) { checked.damages.push_back(damage); }, {});
    return checked;
  }
  // The files that have a byte in the member.
  [[nodiscard]] std::vector<std::string> FilesIn(size_t member) const {
    const Span& span = made.spans[member];
    std::vector<std::string> files;
    for (int i = 0; i < 10; ++i) {
      const uint64_t begin = static_cast<uint64_t>(i) * 3584 + 512;
      if (begin < span.tar_offset + span.tar_bytes && begin + 3000 > span.tar_offset)
        files.push_back(fmt::format("file{}", i));
    }
    return files;
  }
};

void CheckNames(const ArchiveDamage& damage, const std::vector<std::string>& files) {
  INFO(damage.message);
  CHECK(damage.files == files);
  CHECK(damage.file_count == files.size());
}

}  // namespace

TEST_CASE("A good archive verifies, and all of it is read") {
  const Archive archive(TarOfFiles(10) + EndMarker());
  const Checked quick = archive.Verify(false);
  REQUIRE_OK(quick.counts);
  CHECK(quick.counts->damages == 0);
  CHECK(quick.counts->tar_bytes == 0);
  const Checked whole = archive.Verify(true);
  REQUIRE_OK(whole.counts);
  CHECK(whole.damages.empty());
  CHECK(whole.counts->tar_bytes == archive.made.tar.size());
  CHECK(whole.counts->files == 10);
}

TEST_CASE("A damaged byte in any member is found, with its place and the files it hits") {
  const Archive archive(TarOfFiles(10) + EndMarker());
  for (size_t member = 0; member < archive.made.spans.size(); ++member) {
    const Span& span = archive.made.spans[member];
    const uint64_t at = span.archive_offset + span.archive_bytes - 20;
    test::FlipByte(archive.made.path, at);
    // The edges of a small file are all of it: a sidecar is the archive's by them.
    const Checked checked = archive.Verify(true);
    test::FlipByte(archive.made.path, at);
    REQUIRE_OK(checked.counts);
    CHECK(checked.counts->damages == checked.damages.size());
    REQUIRE_FALSE(checked.damages.empty());
  }
}

TEST_CASE("Damage behind the edges names its member and the files in it") {
  // Random content, so that the archive is longer than its edges.
  std::string tar;
  uint32_t state = 1;
  for (int i = 0; i < 10; ++i) {
    std::string content(3000, '\0');
    for (char& c : content) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    tar += FileOf(fmt::format("file{}", i), content);
  }
  const Archive archive(tar + EndMarker());
  const Span& bad = archive.made.spans[3];
  REQUIRE(bad.archive_offset > 4096);
  test::FlipByte(archive.made.path, bad.archive_offset + 2000);
  CHECK(archive.Verify(false).damages.empty());
  Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() == 1);
  CHECK(checked.damages[0].archive_offset == bad.archive_offset);
  CHECK(checked.damages[0].archive_bytes == bad.archive_bytes);
  CHECK(checked.damages[0].tar_offset == bad.tar_offset);
  CHECK(checked.damages[0].tar_bytes == bad.tar_bytes);
  CHECK(checked.damages[0].message.find(fmt::format("{}", bad.archive_offset)) !=
        std::string::npos);
  CheckNames(checked.damages[0], archive.FilesIn(3));
  CHECK(checked.counts->files == 10 - archive.FilesIn(3).size());

  // Members one after another are one damage; and the others are still found.
  test::FlipByte(archive.made.path, archive.made.spans[4].archive_offset + 2000);
  test::FlipByte(archive.made.path, archive.made.spans[6].archive_offset + 2000);
  checked = archive.Verify(true);
  REQUIRE(checked.damages.size() == 2);
  CHECK(checked.damages[0].tar_bytes == 8192);
  CHECK(checked.damages[1].archive_offset == archive.made.spans[6].archive_offset);

  // A member's header is looked at without decoding.
  test::FlipByte(archive.made.path, archive.made.spans[5].archive_offset + 20);
  checked = archive.Verify(false);
  REQUIRE(checked.damages.size() == 1);
  CHECK(checked.damages[0].archive_offset == archive.made.spans[5].archive_offset);
  CheckNames(checked.damages[0], archive.FilesIn(5));
}

TEST_CASE("A byte that no checksum of a member covers is found by the digest of the archive") {
  std::string tar;
  uint32_t state = 1;
  std::string content(30000, '\0');
  for (char& c : content) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const Archive archive(FileOf("file", content) + EndMarker());
  // MTIME in the header of a gzip member (RFC 1952): it decodes to the same.
  test::FlipByte(archive.made.path, archive.made.spans[3].archive_offset + 4);
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() == 1);
}

TEST_CASE(
    "A tar that was cut when it was indexed is damage, and names the file that is not whole") {
  const Archive archive(TarOfFiles(3), {.member_bytes = 4096, .tar_bytes = 3584 * 2 + 1000});
  for (const bool read_data : {false, true}) {
    const Checked checked = archive.Verify(read_data);
    REQUIRE_OK(checked.counts);
    REQUIRE(checked.damages.size() == 1);
    CHECK(checked.damages[0].message.find("cut short") != std::string::npos);
    CheckNames(checked.damages[0], {"file2"});
  }
}

TEST_CASE("A damaged index, and one of another archive, are findings; none at all is an error") {
  const Archive archive(TarOfFiles(3) + EndMarker());
  test::FlipByte(archive.made.sidecar, 5000);
  Checked checked = archive.Verify(false);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() == 1);
  CHECK(checked.damages[0].message.find("orcio index") != std::string::npos);

  const Archive other(TarOfFiles(4) + EndMarker());
  std::filesystem::copy_file(other.made.sidecar, archive.made.sidecar,
                             std::filesystem::copy_options::overwrite_existing);
  checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  CHECK(checked.damages.size() == 1);

  std::filesystem::remove(archive.made.sidecar);
  CHECK(archive.Verify(false).counts.error().kind == ErrorKind::kNotFound);
}

namespace {

// One of about 350 bytes: all of it is edges.
Archive TinyArchive() {
  return Archive(FileOf("page", "hello\n") + EndMarker());
}

bool Says(const ArchiveDamage& damage, const std::string& words) {
  UNSCOPED_INFO(damage.message);
  return damage.message.find(words) != std::string::npos;
}

const std::string kOneOfTheTwo = "one of the two is damaged or was replaced";
const std::string kIsSound = "read without its index, the archive is sound";

// Makes a sidecar's edges other ones, with the checksum that belongs to them.
void ChangeEdges(const std::filesystem::path& sidecar) {
  auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), sidecar, uint64_t{1} << 20));
  bytes[offsetof(sidecar_format::Header, edges_sha256)] ^= std::byte{1};
  const uint32_t checksum = Crc32(std::span(bytes).first(sidecar_format::kHeaderChecksumOffset));
  for (size_t i = 0; i < sizeof(checksum); ++i)
    bytes[sidecar_format::kHeaderChecksumOffset + i] = static_cast<std::byte>(checksum >> 8 * i);
  std::ofstream(sidecar, std::ios::binary | std::ios::trunc) << AsText(bytes);
}

}  // namespace

TEST_CASE("Damage to a tiny archive is told by its own checksums though all of it is edges") {
  const Archive archive = TinyArchive();
  const Span& span = archive.made.spans.at(0);
  // Of the deflate stream; of the CRC after it; of the end member.
  const uint64_t end = span.archive_offset + span.archive_bytes;
  for (const uint64_t at : {end - 30, end - 8, end + 3}) {
    CAPTURE(at);
    test::FlipByte(archive.made.path, at);
    const Checked quick = archive.Verify(false);
    const Checked checked = archive.Verify(true);
    test::FlipByte(archive.made.path, at);
    REQUIRE_OK(quick.counts);
    REQUIRE(quick.damages.size() == 1);
    CHECK(Says(quick.damages[0], kOneOfTheTwo));
    CHECK(Says(quick.damages[0], "orcio verify --read-data"));
    CHECK(Says(quick.damages[0], "gzip -t"));
    REQUIRE_OK(checked.counts);
    CHECK_FALSE(checked.counts->read_data);
    REQUIRE(checked.damages.size() == 2);
    CHECK(Says(checked.damages[0], kOneOfTheTwo));
    CHECK(Says(checked.damages[0], "read without its index, the archive is damaged"));
    CHECK(Says(checked.damages[1], archive.made.path.string()));
    if (at < end) CHECK(Says(checked.damages[1], " at offset 0: "));
    if (at == end - 8) CHECK(Says(checked.damages[1], "CRC"));
  }
}

TEST_CASE("Of an archive of another size than the index says it is said that it may be damaged") {
  const Archive archive = TinyArchive();
  const uint64_t size = std::filesystem::file_size(archive.made.path);
  const Span& span = archive.made.spans.at(0);
  std::filesystem::resize_file(archive.made.path, span.archive_offset + span.archive_bytes - 8);
  const Checked quick = archive.Verify(false);
  REQUIRE_OK(quick.counts);
  REQUIRE(quick.damages.size() == 1);
  CHECK(Says(quick.damages[0], fmt::format("and {} in the index: it was cut short", size)));
  // Before anybody is sent to make an index of what is left.
  const std::string& message = quick.damages[0].message;
  CHECK(message.find("gzip -t") < message.find("`orcio index`"));
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() >= 2);
  CHECK(Says(checked.damages[0], "read without its index, the archive is damaged"));
}

TEST_CASE("Of several members of an archive whose index does not help the damaged one is named") {
  const Archive archive(TarOfFiles(10) + EndMarker());
  const Span& bad = archive.made.spans.at(3);
  test::FlipByte(archive.made.path, bad.archive_offset + bad.archive_bytes - 8);
  test::FlipByte(archive.made.sidecar, 5000);
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE_FALSE(checked.damages.empty());
  const auto& last = checked.damages.back();
  CHECK(Says(last, fmt::format(" at offset {}: ", bad.archive_offset)));
  CHECK(last.archive_offset == bad.archive_offset);
  CHECK(last.archive_bytes == bad.archive_bytes);
  CHECK(last.tar_offset == bad.tar_offset);
  CHECK(last.tar_bytes == bad.tar_bytes);
}

TEST_CASE("An index that is not the sound archive's is told from a damaged archive") {
  const Archive archive = TinyArchive();
  SECTION("damaged where it says whose it is") {
    // The header's own checksum tells.
    test::FlipByte(archive.made.sidecar, offsetof(sidecar_format::Header, edges_sha256));
  }
  SECTION("with other edges and a checksum that fits") {
    ChangeEdges(archive.made.sidecar);
    const Checked quick = archive.Verify(false);
    REQUIRE(quick.damages.size() == 1);
    CHECK(Says(quick.damages[0], kOneOfTheTwo));
  }
  SECTION("of an archive of another size") {
    const Archive other(TarOfFiles(4) + EndMarker());
    std::filesystem::copy_file(other.made.sidecar, archive.made.sidecar,
                               std::filesystem::copy_options::overwrite_existing);
    const Checked quick = archive.Verify(false);
    REQUIRE(quick.damages.size() == 1);
    CHECK(Says(quick.damages[0], "or the index is another archive's"));
    CHECK(Says(quick.damages[0], "orcio verify --read-data"));
  }
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() == 1);
  CHECK(Says(checked.damages[0], kIsSound));
}

TEST_CASE("A sound archive of the same size in the place of another is told to be sound") {
  // What does not compress is as long whatever it is, in members of its own.
  const test::MadeArchiveOptions blocks{.member_bytes = 512};
  const Archive archive(FileOf("page", test::Noise(1024, 1)) + EndMarker(), blocks);
  const Archive other(FileOf("page", test::Noise(1024, 2)) + EndMarker(), blocks);
  REQUIRE(std::filesystem::file_size(archive.made.path) ==
          std::filesystem::file_size(other.made.path));
  std::filesystem::copy_file(other.made.path, archive.made.path,
                             std::filesystem::copy_options::overwrite_existing);
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  REQUIRE(checked.damages.size() == 1);
  CHECK(Says(checked.damages[0], kOneOfTheTwo));
  CHECK(Says(checked.damages[0], kIsSound));
}

TEST_CASE("Sparse, empty and replaced files are compared, too") {
  const std::string map = "2\n1000\n5\n9000\n5\n";
  const std::string stored = Padded(map) + "helloworld";
  const std::string sparse =
      test::PaxHeader({"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=sparse",
                       "GNU.sparse.realsize=20000"}) +
      HandMadeHeader{.path = "GNUSparseFile.0/sparse", .size = SizeField(stored.size())}.Block() +
      Padded(stored);
  const Archive archive(FileOf("twice", "first") + sparse + FileOf("empty", "") +
                            FileOf("twice", "second") + EndMarker(),
                        {.member_bytes = 700});
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  CHECK(checked.damages.empty());
  CHECK(checked.counts->files == 3);
}

TEST_CASE("A cancelled check says so") {
  const Archive archive(TarOfFiles(10) + EndMarker());
  std::stop_source stop;
  stop.request_stop();
  VerifyOptions options;
  options.read_data = true;
  const auto counts = VerifyArchive(
      LocalFileSystem(), archive.made.path, archive.made.sidecar, options,
      [](const ArchiveDamage&) {}, stop.get_token());
  REQUIRE_FALSE(counts.has_value());
  CHECK(counts.error().kind == ErrorKind::kCancelled);
}

namespace {

// The record beside the sidecar of an archive that need not be there.
struct Record {
  test::ScratchDirectory scratch;
  std::filesystem::path sidecar = scratch / "a-2026-11-23.tar.gz.idx";
  Sha256Digest digest = Sha256::Of(AsBytes("this one"));

  void Enter(bool read_data, int64_t seconds, uint64_t damages) const {
    REQUIRE_OK(
        RecordVerification(LocalFileSystem(), sidecar, digest, read_data, {seconds, damages}));
  }
  [[nodiscard]] std::optional<Verification> Last() const {
    return LastVerification(LocalFileSystem(), sidecar, digest);
  }
};

}  // namespace

TEST_CASE("The record of a verification is of one archive file, and goes when it is damaged") {
  const Record record;
  CHECK_FALSE(record.Last().has_value());
  record.Enter(true, 1700000000, 0);
  const auto last = record.Last();
  REQUIRE(last.has_value());
  REQUIRE(last->full.has_value());
  CHECK(last->full->seconds == 1700000000);
  CHECK(last->full->damages == 0);
  CHECK_FALSE(last->quick.has_value());
  const Sha256Digest another = Sha256::Of(AsBytes("another"));
  CHECK_FALSE(LastVerification(LocalFileSystem(), record.sidecar, another).has_value());
  CHECK(VerificationPath(record.sidecar).filename() == ".a-2026-11-23.tar.gz.verified");
  const std::string sha256 = R"("sha256":")" + ToHex(record.digest) + '"';
  const std::vector<std::string> senseless{
      "",
      "{",
      "[]",
      "{}",
      R"({"seconds":"x"})",
      "{" + sha256 + "}",
      "{" + sha256 + R"(,"full":1})",
      "{" + sha256 + R"(,"full":{"seconds":1},"quick":{"seconds":1,"damages":0}})",
      "{" + sha256 + R"(,"full":{"seconds":1,"damages":-1}})",
      "{" + sha256 + R"(,"read_data":1,"seconds":1,"damages":0})"};
  for (const std::string& text : senseless) {
    INFO(text);
    std::ofstream(VerificationPath(record.sidecar)) << text;
    CHECK_FALSE(record.Last().has_value());
  }
}

TEST_CASE("A quick verification leaves what a full one has found, and adds to it") {
  const Record record;
  record.Enter(false, 50, 0);
  CHECK_FALSE(record.Last()->full.has_value());
  record.Enter(true, 100, 3);
  CHECK_FALSE(record.Last()->quick.has_value());
  record.Enter(false, 200, 0);
  REQUIRE(record.Last()->full.has_value());
  CHECK(record.Last()->full->seconds == 100);
  CHECK(record.Last()->damages() == 3);
  CHECK(record.Last()->seconds() == 200);
  record.Enter(false, 300, 5);
  CHECK(record.Last()->full->damages == 3);
  CHECK(record.Last()->damages() == 5);
  // What a quick one has found another one may find mended; the full one's findings stay.
  record.Enter(false, 400, 0);
  CHECK(record.Last()->damages() == 3);
  record.Enter(true, 500, 0);
  CHECK(record.Last()->damages() == 0);
  CHECK(record.Last()->seconds() == 500);
  CHECK_FALSE(record.Last()->quick.has_value());
}

TEST_CASE("A quick verification takes nothing over from the record of another archive file") {
  Record record;
  record.Enter(true, 100, 3);
  record.digest = Sha256::Of(AsBytes("what it was replaced by"));
  record.Enter(false, 200, 0);
  REQUIRE(record.Last().has_value());
  CHECK_FALSE(record.Last()->full.has_value());
  CHECK(record.Last()->damages() == 0);
}

TEST_CASE("The record of the last verification alone, as it once was, is still read") {
  const Record record;
  const auto write = [&](const char* read_data) {
    std::ofstream(VerificationPath(record.sidecar))
        << R"({"seconds":100,"read_data":)" << read_data << R"(,"damages":2,"sha256":")"
        << ToHex(record.digest) << "\"}\n";
  };
  write("false");
  REQUIRE(record.Last().has_value());
  CHECK_FALSE(record.Last()->full.has_value());
  CHECK(record.Last()->quick->damages == 2);
  write("true");
  record.Enter(false, 200, 0);
  REQUIRE(record.Last()->full.has_value());
  CHECK(record.Last()->full->seconds == 100);
  CHECK(record.Last()->damages() == 2);
}

TEST_CASE("A record that the disk does not give is not replaced by a quick verification") {
  const Record record;
  record.Enter(true, 100, 3);
  test::FailingFiles files(LocalFileSystem());
  for (size_t call = 1; call == 1 || files.failed(); ++call) {
    CAPTURE(call);
    files.FailAt(call, EIO);
    const auto recorded = RecordVerification(files, record.sidecar, record.digest, false, {200, 0});
    if (call == 1) CHECK_FALSE(recorded);
    REQUIRE(record.Last().has_value());
    CHECK(record.Last()->damages() == 3);
  }
}

TEST_CASE("What was not read is not said to have been") {
  const Archive archive(TarOfFiles(3) + EndMarker());
  CHECK(archive.Verify(true).counts->read_data);
  CHECK_FALSE(archive.Verify(false).counts->read_data);
  test::FlipByte(archive.made.sidecar, 5000);
  const Checked checked = archive.Verify(true);
  REQUIRE_OK(checked.counts);
  CHECK(checked.counts->damages == 1);
  CHECK_FALSE(checked.counts->read_data);
}

}  // namespace orcio

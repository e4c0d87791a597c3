#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "base/bytes.h"
#include "index/gzip/gzip_member.h"
#include "tests/support/archives/foreign_archive.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/peak_memory.h"
#include "tests/support/scratch_directory.h"

// Archives that orcio did not write and that are damaged: what can be read reads right, all else is
// an error, and it is said.

namespace orcio {
namespace {

using test::Foreign;
using test::Gzip;
using test::Joined;
using Bytes = std::vector<std::byte>;

const Bytes& Tar() {
  static const Bytes tar = test::MakeTar(4 << 20);
  return tar;
}

// The content of each file of the tar, by path.
std::map<std::string, Bytes> Contents(const Bytes& tar) {
  Foreign foreign("whole-20221105.tar");
  REQUIRE_OK(foreign.Index(tar));
  std::map<std::string, Bytes> contents;
  for (NodeId id = 0; id < foreign.sidecar->node_count(); ++id) {
    const NodeInfo node = ValueOf(foreign.sidecar->Node(id));
    if (node.type == EntryType::kFile)
      contents[ValueOf(foreign.sidecar->Path(id))] =
          ValueOf(foreign.Read(node.data_offset, node.size));
  }
  return contents;
}

// That this process has read so far, of files and others. See proc_pid_io(5).
uint64_t BytesRead() {
  std::ifstream io("/proc/self/io");
  std::string field;
  uint64_t bytes = 0;
  io >> field >> bytes;
  REQUIRE(field == "rchar:");
  return bytes;
}

const std::map<std::string, Bytes>& Expected() {
  static const auto contents = Contents(Tar());
  return contents;
}

struct Found {
  size_t right = 0;    // files that read as they were
  size_t refused = 0;  // files of which some is EIO
};

// Requires that every file reads as it was or not at all, and that no digest is a wrong one.
Found RequireRightOrRefused(const Foreign& foreign) {
  Found found;
  for (NodeId id = 0; id < foreign.sidecar->node_count(); ++id) {
    const NodeInfo node = ValueOf(foreign.sidecar->Node(id));
    if (node.type != EntryType::kFile) continue;
    const auto path = ValueOf(foreign.sidecar->Path(id));
    CAPTURE(path);
    const auto expected = Expected().find(path);
    const auto read = foreign.reader->ReadFile(id, 0, node.size);
    if (!read) {
      CHECK(read.error().kind == ErrorKind::kDamaged);
      ++found.refused;
      continue;
    }
    REQUIRE(expected != Expected().end());
    Bytes bytes;
    for (const Slice& slice : *read)
      bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
    REQUIRE(bytes == expected->second);
    ++found.right;
    if (const auto digest = ValueOf(foreign.sidecar->Digest(id)))
      CHECK(*digest == Sha256::Of(bytes));
  }
  return found;
}

Bytes Cut(const Bytes& bytes, size_t size) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
}

}  // namespace

TEST_CASE("What stands before the end of an archive that was cut short reads right") {
  const Bytes archive = Gzip(Tar());
  for (const size_t size : {archive.size() / 3, archive.size() / 2, archive.size() - 9}) {
    CAPTURE(size);
    Foreign foreign;
    REQUIRE_OK(foreign.Index(Cut(archive, size)));
    CHECK_FALSE(foreign.sidecar->complete());
    CHECK(foreign.Warnings().find("cut short") != std::string::npos);
    const Found found = RequireRightOrRefused(foreign);
    CHECK(found.right >= (Expected().size() - 2) * size / archive.size() * 8 / 10);
    CHECK(found.refused <= 1);
    const auto tar_bytes = foreign.sidecar->tar_bytes();
    CHECK(ValueOf(foreign.Read(0, tar_bytes)) == Cut(Tar(), tar_bytes));
  }
}

TEST_CASE("An archive that lacks nothing but the trailer of its gzip is incomplete") {
  const Bytes archive = Gzip(Tar());
  Foreign foreign;
  REQUIRE_OK(foreign.Index(Cut(archive, archive.size() - 1)));
  CHECK_FALSE(foreign.sidecar->complete());
  CHECK(RequireRightOrRefused(foreign).right == Expected().size());
}

TEST_CASE("A plain tar that was cut short reads up to there") {
  Foreign foreign("wiki-20221105.tar");
  REQUIRE_OK(foreign.Index(Cut(Tar(), 1'000'000)));
  CHECK_FALSE(foreign.sidecar->complete());
  CHECK(ValueOf(foreign.Read(0, 1'000'000)) == Cut(Tar(), 1'000'000));
}

TEST_CASE("A tar cut anywhere in a sparse file's map is indexed up to there") {
  const test::ScratchDirectory scratch;
  test::MustRunShell(
      "printf first > first; truncate -s 1M sparse; printf x >> sparse; "
      "tar --format=pax --sparse --sparse-version=1.0 -cf t.tar first sparse",
      {.input = {}, .environment = {}, .directory = scratch.path().string()});
  const Bytes tar = ValueOf(ReadWholeFile(LocalFileSystem(), scratch / "t.tar", 1 << 20));
  const auto last =
      std::find_if(tar.rbegin(), tar.rend(), [](auto b) { return b != std::byte{0}; });
  const auto content_end = static_cast<size_t>(last.base() - tar.begin());
  for (size_t size = 2049; size < content_end; size += 61) {
    CAPTURE(size);
    Foreign foreign("wiki-20221105.tar");
    REQUIRE_OK(foreign.Index(Cut(tar, size)));
    CHECK_FALSE(foreign.sidecar->complete());
    const auto first = ValueOf(foreign.sidecar->Find("first"));
    REQUIRE(first.has_value());
    CHECK(AsText(ValueOf(foreign.reader->ReadFile(*first, 0, 100)).at(0).bytes) == "first");
  }
}

TEST_CASE("A flipped bit anywhere in a gzip never gives other bytes") {
  const Bytes archive = Gzip(Tar());
  std::mt19937_64 random(3);
  size_t right = 0;
  for (int i = 0; i < 30; ++i) {
    Bytes damaged = archive;
    const size_t at = random() % archive.size();
    damaged[at] ^= std::byte{1} << random() % 8;
    CAPTURE(i, at);
    Foreign foreign;
    const auto indexed = foreign.Index(damaged);
    if (!indexed) {
      CHECK(indexed.error().kind == ErrorKind::kDamaged);
      continue;
    }
    if (foreign.sidecar->complete()) {
      // It hit a field of the header that nobody reads: time, system, or the like.
      CHECK(at < 10);
      continue;
    }
    CHECK_FALSE(foreign.Warnings().empty());
    right += RequireRightOrRefused(foreign).right;
  }
  CHECK(right > 0);
}

TEST_CASE("A damaged member costs what is in it and nothing else") {
  const std::span<const std::byte> tar(Tar());
  const Bytes first = Gzip(tar.first(1'500'000));
  Bytes second = Gzip(tar.subspan(1'500'000, 300'000), {.level = 0});
  const Bytes third = Gzip(tar.subspan(1'800'000));
  second[second.size() / 2] ^= std::byte{1};  // a stored byte: nothing but the CRC can tell
  Foreign foreign;
  REQUIRE_OK(foreign.Index(Joined({first, second, third})));
  CHECK_FALSE(foreign.sidecar->complete());
  CHECK(foreign.Warnings().find(fmt::format("the gzip member at offset {} is damaged",
                                            first.size())) != std::string::npos);
  CHECK(ValueOf(foreign.Read(0, 1'500'000)) == Cut(Tar(), 1'500'000));
  CHECK_FALSE(foreign.Read(1'499'999, 2));
  CHECK_FALSE(foreign.Read(1'799'999, 1));
  const size_t rest = Tar().size() - 1'800'000;
  CHECK(ValueOf(foreign.Read(1'800'000, rest)) ==
        Bytes(Tar().end() - static_cast<ptrdiff_t>(rest), Tar().end()));
  const Found found = RequireRightOrRefused(foreign);
  CHECK(found.refused >= 1);
  CHECK(found.refused <= 6);
  CHECK(found.right + found.refused == Expected().size());
}

TEST_CASE(
    "Where a gzip stops making sense, the file it happens in is lost and those before are not") {
  // Two members' worth of blocks; then one of the unknown type, in the middle of the stream.
  const Bytes stream = Gzip(Tar(), {.flush_every = 100'000});
  const Bytes head = Gzip(std::span(Tar()).first(2'000'000), {.flush_every = 100'000});
  Bytes damaged(head.begin(), head.end() - 10);  // without the final block and the trailer
  damaged.insert(damaged.end(), 5'000, std::byte{0xFF});
  Foreign foreign;
  REQUIRE_OK(foreign.Index(damaged));
  CHECK_FALSE(foreign.sidecar->complete());
  CHECK(foreign.Warnings().find("damaged at or before offset") != std::string::npos);
  const Found found = RequireRightOrRefused(foreign);
  CHECK(found.right >= 5);
  CHECK(found.refused == 1);
}

TEST_CASE("What is no tar is refused at its beginning, however long it is") {
  std::mt19937_64 random(4);
  Bytes noise(30 << 20);
  for (size_t i = 0; i < noise.size(); i += 8) StoreLittleEndian(random(), noise.data() + i);
  const auto refused = [](std::span<const std::byte> bytes) {
    Foreign foreign;
    const uint64_t before = BytesRead();
    const auto indexed = foreign.Index(bytes);
    CHECK(BytesRead() - before < (uint64_t{20} << 20));  // what stages hold, and no more
    REQUIRE_FALSE(indexed);
    INFO(indexed.error().message);
    CHECK(indexed.error().kind == ErrorKind::kDamaged);
    CHECK(indexed.error().message.find(foreign.archive.string()) == 0);
    CHECK_FALSE(std::filesystem::exists(foreign.sidecar_path));
  };
  refused({});
  refused(AsBytes("x"));
  refused(AsBytes("\x1f"));
  refused(AsBytes("\x1f\x8b"));
  refused(AsBytes("not a tar at all"));
  refused(noise);
  refused(Gzip(noise, {.level = 1}));
  // As images of disks begin.
  refused(Joined({Bytes(4096), noise}));
  refused(Gzip(Joined({Bytes(4096), noise}), {.level = 1}));
  refused(Gzip({}));
  refused(Gzip(AsBytes("not a tar at all")));
  refused(Gzip(Gzip(Tar())));
  refused(Cut(Gzip(Tar()), 5));
  refused(Cut(Gzip(Tar()), 100));
}

TEST_CASE("A bomb takes little memory") {
  // 200 MiB of zeros as one file, a megabyte each thousandth: spans bound what a reader decodes.
  Bytes tar = test::MakeTar(1);
  const Bytes zeros(size_t{200} << 20);
  const Bytes bomb = Joined({Gzip(Cut(tar, 512)), Gzip(zeros, {.level = 1})});
  CHECK(bomb.size() < zeros.size() / 100);
  Foreign foreign;
  const test::PeakMemory memory;
  REQUIRE_OK(foreign.Index(bomb));
  CHECK(memory.Growth() < test::PeakMemory::kFactor * (uint64_t{64} << 20));
  CHECK(foreign.sidecar->tar_bytes() == zeros.size() + 512);
  for (uint64_t i = 0; i < foreign.sidecar->span_count(); ++i)
    CHECK(ValueOf(foreign.sidecar->SpanAt(i)).tar_bytes <= (4U << 20));
  CHECK(ValueOf(foreign.Read(zeros.size(), 512)) == Bytes(512));
}

}  // namespace orcio

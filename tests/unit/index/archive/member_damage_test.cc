#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/bytes.h"
#include "index/gzip/gzip_member.h"
#include "index/verify/verify.h"
#include "tests/support/archives/foreign_archive.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/noise.h"

// Archives that orcio wrote and that are damaged: what can be read reads right, all else is an
// error, and it is said where.

namespace orcio {
namespace {

using Bytes = std::vector<std::byte>;
constexpr size_t kMemberBytes = 20 * 1024;

// Where a file is in the tar, headers included, and its content.
struct Part {
  uint64_t begin = 0;
  uint64_t content = 0;
  uint64_t end = 0;
  std::string bytes;
};

// An archive in members of 20 KiB, of small and large files, with long names and a hole.
struct Whole {
  test::ScratchDirectory scratch;
  test::MadeArchive made;
  Bytes archive;
  std::map<std::string, Part> files;

  Whole() {
    const auto tree = (scratch / "tree").string();
    std::filesystem::create_directory(tree);
    std::ofstream(scratch / "tree/random", std::ios::binary) << test::Noise(70'000, 1);
    // The same bytes in every run, but for a process id that tar writes: times are of the headers.
    test::MustRunShell(fmt::format(
        "cd {0} && for i in $(seq 40); do seq $i $((i * 37 + 200)) > file$i; done; "
        "seq 20000 > a-large-one; "
        "seq 300 > $(printf 'long%.0s' $(seq 50)); truncate -s 1M sparse; seq 900 >> sparse; "
        "find . -exec touch -d @1700000000.5 {{}} +",
        tree));
    made = test::MakeArchive(
        scratch / "wiki-2026-11-23T020000Z.tar.gz",
        test::TarOf(tree, {"--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"}),
        {.member_bytes = kMemberBytes});
    archive = ValueOf(ReadWholeFile(LocalFileSystem(), made.path, 1 << 24));
    const auto text = AsText(made.tar);
    for (const TarEntry& entry : test::ScanBytes(text).entries) {
      if (entry.type != EntryType::kFile) continue;
      Part part{entry.header_offset, entry.data_offset, entry.data_offset,
                test::ContentOf(entry, text)};
      for (const Extent& extent : entry.extents)
        part.end = std::max(part.end, extent.tar_offset + extent.length);
      files[entry.path.substr(2)] = std::move(part);
    }
    REQUIRE(made.spans.size() > 12);
    REQUIRE(files.size() == 44);
  }
  [[nodiscard]] uint64_t Begin(size_t member) const { return made.spans[member].archive_offset; }
  [[nodiscard]] uint64_t End(size_t member) const {
    return Begin(member) + made.spans[member].archive_bytes;
  }
};

const Whole& TheWhole() {
  static const Whole whole;
  return whole;
}

// Requires of a damaged archive that everything outside of a stretch of the tar reads right, and
// that nothing reads wrong.
void RequireLostOnly(const test::Foreign& damaged, uint64_t begin, uint64_t end) {
  CHECK_FALSE(damaged.sidecar->complete());
  std::set<std::string> found;
  for (NodeId id = 0; id < damaged.sidecar->node_count(); ++id) {
    const NodeInfo node = ValueOf(damaged.sidecar->Node(id));
    if (node.type != EntryType::kFile) continue;
    const auto path = ValueOf(damaged.sidecar->Path(id));
    CAPTURE(path);
    found.insert(path);
    const auto& files = TheWhole().files;
    REQUIRE(files.contains(path));
    const Part& part = files.at(path);
    REQUIRE(node.size == part.bytes.size());
    const bool hit = part.content < end && part.end > begin;
    const auto read = damaged.reader->ReadFile(id, 0, node.size);
    REQUIRE(read.has_value() != hit);
    if (!read) {
      CHECK(read.error().kind == ErrorKind::kDamaged);
      CHECK_FALSE(ValueOf(damaged.sidecar->Digest(id)).has_value());
      continue;
    }
    std::string bytes;
    for (const Slice& slice : *read) bytes += AsText(slice.bytes);
    REQUIRE(bytes == part.bytes);
    CHECK(ValueOf(damaged.sidecar->Digest(id)) == Sha256::Of(AsBytes(bytes)));
  }
  for (const auto& [path, part] : TheWhole().files) {
    CAPTURE(path);
    // Only whose headers are lost may be missing.
    const bool headers_hit = part.begin < end && part.content > begin;
    CHECK(found.contains(path) != headers_hit);
  }
}

// Index an archive of which member `member` is damaged, and no other.
void RequireMemberLost(const Bytes& archive, size_t member) {
  test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
  REQUIRE_OK(damaged.Index(archive));
  CHECK(damaged.sidecar->tar_bytes() == TheWhole().made.tar.size());
  const Span& span = TheWhole().made.spans[member];
  RequireLostOnly(damaged, span.tar_offset, span.tar_offset + span.tar_bytes);
  const auto offset = fmt::format("at offset {}: ", span.archive_offset);
  CHECK(damaged.Warnings().find(offset) != std::string::npos);
}

Bytes Zeroed(Bytes bytes, uint64_t begin, uint64_t end) {
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(begin),
            bytes.begin() + static_cast<ptrdiff_t>(end), std::byte{0});
  return bytes;
}

Bytes Cut(const Bytes& bytes, size_t size) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
}

}  // namespace

TEST_CASE("A flipped bit in any part of any member costs that member and nothing else") {
  const Whole& whole = TheWhole();
  for (size_t member = 0; member < whole.made.spans.size(); ++member) {
    const uint64_t bytes = whole.made.spans[member].archive_bytes;
    // Magic, method, flags, XLEN, subfield, LEN, version, flags, both lengths; data; both trailers.
    for (const uint64_t at : {uint64_t{0}, uint64_t{2}, uint64_t{3}, uint64_t{10}, uint64_t{13},
                              uint64_t{14}, uint64_t{16}, uint64_t{17}, uint64_t{21}, uint64_t{25},
                              uint64_t{28}, bytes / 2, bytes - 7, bytes - 3}) {
      CAPTURE(member, at);
      Bytes flipped = whole.archive;
      flipped[whole.Begin(member) + at] ^= std::byte{4};
      RequireMemberLost(flipped, member);
    }
  }
}

TEST_CASE("Of a member that is overwritten, header and all, only what it held is lost") {
  const Whole& whole = TheWhole();
  for (size_t member = 0; member < whole.made.spans.size(); ++member) {
    CAPTURE(member);
    RequireMemberLost(Zeroed(whole.archive, whole.Begin(member), whole.End(member)), member);
  }
}

TEST_CASE("A stretch that is overwritten across members costs those and nothing else") {
  const Whole& whole = TheWhole();
  for (size_t member = 0; member + 3 < whole.made.spans.size(); member += 2) {
    CAPTURE(member);
    test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
    REQUIRE_OK(damaged.Index(
        Zeroed(whole.archive, whole.Begin(member) + 100, whole.Begin(member + 2) + 10)));
    const auto& spans = whole.made.spans;
    RequireLostOnly(damaged, spans[member].tar_offset, spans[member + 3].tar_offset);
  }
}

TEST_CASE("What stands between two stretches of unknown length is lost, and nothing else") {
  const Whole& whole = TheWhole();
  const size_t last = whole.made.spans.size() - 1;
  Bytes archive = Zeroed(whole.archive, whole.Begin(2), whole.End(3));
  archive = Zeroed(archive, whole.Begin(last - 3), whole.End(last - 2));
  test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
  REQUIRE_OK(damaged.Index(archive));
  RequireLostOnly(damaged, whole.made.spans[2].tar_offset, whole.made.spans[last - 1].tar_offset);
}

TEST_CASE("Members cut out of the middle leave no byte in another place") {
  const Whole& whole = TheWhole();
  Bytes archive = whole.archive;
  const auto at = [&](uint64_t offset) { return archive.begin() + static_cast<ptrdiff_t>(offset); };
  SECTION("at a member's beginning and in the middle of one") {
    archive.erase(at(whole.Begin(4)), at(whole.Begin(6) + 200));
    test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
    REQUIRE_OK(damaged.Index(archive));
    RequireLostOnly(damaged, whole.made.spans[4].tar_offset, whole.made.spans[7].tar_offset);
  }
  SECTION("whole ones: nobody can tell where") {
    archive.erase(at(whole.Begin(4)), at(whole.Begin(6)));
    test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
    const auto indexed = damaged.Index(archive);
    REQUIRE_FALSE(indexed);
    CHECK(indexed.error().kind == ErrorKind::kDamaged);
    CHECK(indexed.error().message.find("missing") != std::string::npos);
  }
}

TEST_CASE("An archive that ends anywhere reads up to its last whole member") {
  const Whole& whole = TheWhole();
  for (size_t member = 0; member < whole.made.spans.size(); ++member) {
    for (const uint64_t size : {whole.Begin(member), whole.Begin(member) + 10,
                                whole.Begin(member) + 40, whole.End(member) - 1}) {
      CAPTURE(member, size);
      test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
      const auto indexed = damaged.Index(Cut(whole.archive, size));
      if (member == 0) {
        REQUIRE_FALSE(indexed);
        CHECK(indexed.error().kind == ErrorKind::kDamaged);
        continue;
      }
      REQUIRE_OK(indexed);
      const uint64_t end = whole.made.spans[member].tar_offset;
      CHECK(damaged.sidecar->tar_bytes() == end);
      CHECK_FALSE(damaged.sidecar->complete());
      CHECK(damaged.Warnings().find("do not end in an end member") != std::string::npos);
      CHECK(ValueOf(damaged.Read(0, end)) == Cut(whole.made.tar, end));
    }
  }
}

TEST_CASE("An archive whose end member is damaged, or followed by something, reads whole") {
  const Whole& whole = TheWhole();
  const auto reads_whole = [&](const Bytes& archive, std::string_view warning) {
    test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
    REQUIRE_OK(damaged.Index(archive));
    CHECK_FALSE(damaged.sidecar->complete());
    CHECK(damaged.Warnings().find(warning) != std::string::npos);
    CHECK(ValueOf(damaged.Read(0, whole.made.tar.size())) == whole.made.tar);
  };
  const size_t end_bytes = EncodeEndMember(0).size();
  const size_t total = whole.archive.size() - 18;  // its eight bytes; two and the trailer after it
  for (size_t at = whole.archive.size() - end_bytes; at < whole.archive.size(); ++at) {
    CAPTURE(at);
    Bytes flipped = whole.archive;
    flipped[at] ^= std::byte{0x10};
    // That a member is missing cannot be told from a total that is wrong but possible.
    if (at > total && at < total + 4) continue;
    reads_whole(flipped, "do not end in an end member");
  }
  Bytes longer = whole.archive;
  longer.push_back(std::byte{0});
  reads_whole(longer, "1 bytes follow the end member");
  reads_whole(test::Joined({whole.archive, whole.archive}), "bytes follow the end member");
}

TEST_CASE("An archive within a damaged archive is not taken for a part of it") {
  // Small members, stored, so that those of the inner archive stand in the outer one as they are.
  const Whole& whole = TheWhole();
  test::ScratchDirectory scratch;
  const auto tree = (scratch / "tree").string();
  test::MustRunShell(
      fmt::format("mkdir {0} && seq 9000 > {0}/a && cp {1} {0}/b.tar.gz && seq "
                  "9000 > {0}/c",
                  tree, whole.made.path.string()));
  const auto made = test::MakeArchive(scratch / "outer-2026-11-23.tar.gz", test::TarOf(tree));
  const auto archive = ValueOf(ReadWholeFile(LocalFileSystem(), made.path, 1 << 24));
  std::mt19937_64 random(5);
  for (size_t i = 0; i < 40; ++i) {
    Bytes damaged_bytes = archive;
    // Always the first header, and another one or two bytes anywhere.
    damaged_bytes[i % 20] ^= std::byte{1};
    damaged_bytes[random() % archive.size()] ^= std::byte{2};
    if (i % 4 == 3) damaged_bytes.resize(archive.size() - 1);
    test::Foreign damaged("outer-2026-11-23.tar.gz");
    if (!damaged.Index(damaged_bytes)) continue;
    for (const std::string name : {"file1", "file40", "a-large-one", "random"})
      CHECK_FALSE(ValueOf(damaged.sidecar->Find(name)).has_value());
  }
}

TEST_CASE("Verifying a damaged archive tells where each damage is and what it hits") {
  const Whole& whole = TheWhole();
  Bytes archive = whole.archive;
  archive[whole.Begin(5)] ^= std::byte{1};
  archive[whole.Begin(9) + 100] ^= std::byte{1};
  test::Foreign damaged("wiki-2026-11-23T020000Z.tar.gz");
  REQUIRE_OK(damaged.Index(archive));
  for (const bool read_data : {false, true}) {
    CAPTURE(read_data);
    std::vector<ArchiveDamage> damages;
    VerifyOptions options;
    options.read_data = read_data;
    const auto counts =
        VerifyArchive(LocalFileSystem(), damaged.archive, damaged.sidecar_path, options,
                      [&](const ArchiveDamage& damage) { damages.push_back(damage); }, {});
    REQUIRE_OK(counts);
    for (const size_t member : {size_t{5}, size_t{9}}) {
      const Span& span = whole.made.spans[member];
      const auto damage = std::find_if(damages.begin(), damages.end(), [&](const auto& each) {
        return each.archive_offset == span.archive_offset;
      });
      REQUIRE(damage != damages.end());
      CHECK(damage->archive_bytes == span.archive_bytes);
      CHECK(damage->tar_offset == span.tar_offset);
      CHECK(damage->tar_bytes == span.tar_bytes);
      const auto hit = std::count_if(whole.files.begin(), whole.files.end(), [&](const auto& file) {
        return file.second.content < span.tar_offset + span.tar_bytes &&
               file.second.end > span.tar_offset && file.second.content > 0;
      });
      // Of files whose header is lost nothing is known.
      CHECK(damage->file_count <= static_cast<uint64_t>(hit));
    }
    CHECK(damages.size() == 3);  // and that the tar is not whole
  }
}

}  // namespace orcio

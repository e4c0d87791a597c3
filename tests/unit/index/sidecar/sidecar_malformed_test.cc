#include <cstring>
#include <functional>

#include "base/bytes.h"
#include "index/sidecar/sidecar_format.h"
#include "tests/support/archives/sidecar_bytes.h"
#include "tests/support/catch.h"

// Sidecars whose checksums are right and whose contents break one rule of FORMAT.md each: made by
// somebody else's writer, or by an attacker.

namespace orcio {
namespace {

namespace format = sidecar_format;
using test::EntryMaker;
using test::FileBytes;

// Nodes: 0 root; 1 d, 2 f, 3 g, 4 hard, 5 s, 6 t; 7 d/e, 8 d/x; 9 d/e/y.
std::vector<TarEntry> Entries() {
  EntryMaker make;
  std::vector<TarEntry> entries{make.File("f", "1234567"),
                                make.File("g", "1234567"),
                                make.HardLink("hard", "f"),
                                make.Symlink("s", "to"),
                                make.File("t"),
                                make.File("d/e/y"),
                                make.File("d/x")};
  entries[1].size = 10'000;
  entries[1].extents = {{0, entries[1].data_offset, 10}, {4096, entries[1].data_offset + 10, 10}};
  entries[1].attributes = {{"user.a", "1"}, {"user.b", "2"}};
  entries[4].mtime.seconds = INT64_MAX;
  return entries;
}

enum Node : NodeId { kRoot, kD, kF, kG, kHard, kS, kT, kE, kX, kY };

format::Section* FindSection(FileBytes& bytes, std::string_view id) {
  format::Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  auto* table = reinterpret_cast<format::Section*>(bytes.data() + sizeof(header));
  for (uint32_t i = 0; i < header.section_count; ++i) {
    if (std::string_view(table[i].id, 4) == id) return table + i;
  }
  throw std::runtime_error("no such section");
}

// Record `index` of a section, or of its bytes if Record is a byte or an integer.
template <class Record>
Record& At(FileBytes& bytes, std::string_view section, uint64_t index) {
  auto* begin = bytes.data() + FindSection(bytes, section)->offset;
  return reinterpret_cast<Record*>(begin)[index];
}

format::Header& HeaderOf(FileBytes& bytes) {
  return *reinterpret_cast<format::Header*>(bytes.data());
}

// The attributes of one node, which no other node has then.
format::Attribute& OwnAttribute(FileBytes& bytes, NodeId node) {
  auto& record = At<format::Node>(bytes, "NODE", node);
  return At<format::Attribute>(bytes, "ATTR", record.attribute);
}

using Change = std::function<void(FileBytes&)>;

FileBytes Changed(const Change& change) {
  auto bytes = test::BuildSidecar(Entries());
  change(bytes);
  test::Reseal(bytes);
  return bytes;
}

ErrorKind OpenError(const Change& change) {
  auto opened = test::OpenSidecar(Changed(change));
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().message.find("wiki.tar.gz.idx") == 0);
  return opened.error().kind;
}

std::shared_ptr<const Sidecar> Opened(const Change& change) {
  auto sidecar = ValueOf(test::OpenSidecar(Changed(change)));
  REQUIRE_OK(sidecar->CheckAll());
  CHECK(test::DescribeAll(*sidecar).find("! ") != std::string::npos);
  return sidecar;
}

template <class T>
bool Damaged(const Result<T>& result) {
  return !result && result.error().kind == ErrorKind::kDamaged &&
         result.error().message.find("wiki.tar.gz.idx") == 0;
}

}  // namespace

TEST_CASE("Nothing is wrong with the sidecar that the malformed ones are made of") {
  auto sidecar = ValueOf(test::OpenSidecar(Changed([](FileBytes&) {})));
  std::string text = test::DescribeAll(*sidecar);
  INFO(text);
  CHECK(text.find("! ") == std::string::npos);
  CHECK(ValueOf(sidecar->Path(kY)) == "d/e/y");
  CHECK(ValueOf(sidecar->Path(kHard)) == "hard");
}

TEST_CASE("Another magic is refused") {
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).magic[7] = 'x'; }) == ErrorKind::kDamaged);
}

TEST_CASE("A newer version is unsupported") {
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).version = 2; }) == ErrorKind::kUnsupported);
}

TEST_CASE("Another size than the header says is refused") {
  CHECK(OpenError([](FileBytes& b) { b.resize(b.size() + 4096); }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).sidecar_bytes += 4096; }) == ErrorKind::kDamaged);
}

TEST_CASE("Too many sections are refused") {
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).section_count = 65; }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).section_count = UINT32_MAX; }) ==
        ErrorKind::kDamaged);
}

TEST_CASE("An unknown required section is unsupported") {
  const auto opened = test::OpenSidecar(Changed([](FileBytes& b) {
    auto* section = FindSection(b, "FACT");
    std::memcpy(section->id, "NEW\n", 4);
    section->flags = format::kRequired;
  }));
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kUnsupported);
  CHECK(opened.error().message ==
        "wiki.tar.gz.idx: a sidecar with a section NEW\\n, which this orcio does not know");
}

TEST_CASE("An unknown optional section is passed over, and a missing optional one is empty") {
  auto sidecar = ValueOf(test::OpenSidecar(
      Changed([](FileBytes& b) { std::memcpy(FindSection(b, "FACT")->id, "NEWS", 4); })));
  CHECK(ValueOf(sidecar->facts()) == RunFacts{});
  CHECK(test::DescribeAll(*sidecar).find("! ") == std::string::npos);
}

TEST_CASE("A missing required section is refused") {
  for (const char* id : {"NODE", "NAME", "ATTR", "DIRS", "LINK", "EXTR", "XATT", "EXTS", "RANK",
                         "DIGS", "SPAN", "CSUM"}) {
    INFO(id);
    CHECK(OpenError([&](FileBytes& b) {
            auto* section = FindSection(b, id);
            std::memcpy(section->id, "GONE", 4);
            section->flags = 0;
          }) == ErrorKind::kDamaged);
  }
}

TEST_CASE("Two sections of one name are refused") {
  CHECK(OpenError([](FileBytes& b) { std::memcpy(FindSection(b, "FACT")->id, "LINK", 4); }) ==
        ErrorKind::kDamaged);
}

TEST_CASE("Sections out of place are refused") {
  auto refused = [](const std::function<void(format::Section&)>& change) {
    return OpenError([&](FileBytes& b) { change(*FindSection(b, "NAME")); }) == ErrorKind::kDamaged;
  };
  CHECK(refused([](auto& s) { s.offset += 1; }));              // not aligned
  CHECK(refused([](auto& s) { s.offset -= 64; }));             // overlaps the one before
  CHECK(refused([](auto& s) { s.bytes += 4096; }));            // overlaps the one after
  CHECK(refused([](auto& s) { s.offset = 0; }));               // in the header
  CHECK(refused([](auto& s) { s.bytes = UINT64_MAX - 64; }));  // beyond 2^64
  CHECK(refused([](auto& s) { s.offset = uint64_t{1} << 40; }));
}

TEST_CASE("Counts that disagree with sections are refused") {
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).node_count += 1; }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).node_count = 0; }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).node_count = UINT32_MAX; }) ==
        ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).span_count -= 1; }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) { HeaderOf(b).span_count = UINT64_MAX; }) ==
        ErrorKind::kDamaged);
  for (const char* id : {"NODE", "RANK", "SPAN"}) {
    CHECK(OpenError([&](FileBytes& b) { FindSection(b, id)->bytes = 0; }) == ErrorKind::kDamaged);
  }
  CHECK(OpenError([](FileBytes& b) { FindSection(b, "DIRS")->bytes = 0; }) == ErrorKind::kDamaged);
}

TEST_CASE("A section that ends within a record is refused") {
  for (const char* id : {"ATTR", "DIRS", "EXTR", "DIGS", "EXTS"}) {
    CHECK(OpenError([&](FileBytes& b) { FindSection(b, id)->bytes -= 1; }) == ErrorKind::kDamaged);
  }
}

TEST_CASE("A checksum section of the wrong size is refused") {
  CHECK(OpenError([](FileBytes& b) { FindSection(b, "CSUM")->bytes -= 4; }) == ErrorKind::kDamaged);
  CHECK(OpenError([](FileBytes& b) {
          b.insert(b.end(), 4096, std::byte{});
          HeaderOf(b).sidecar_bytes += 4096;
          FindSection(b, "CSUM")->bytes += 4096;
        }) == ErrorKind::kDamaged);
}

TEST_CASE("A node without attributes is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kF).attribute = 1000; });
  CHECK(Damaged(sidecar->Node(kF)));
  CHECK(Damaged(sidecar->Node(kHard)));
}

TEST_CASE("A node of an unknown type is damage") {
  CHECK(Damaged(Opened([](FileBytes& b) { OwnAttribute(b, kS).type = 8; })->Node(kS)));
}

TEST_CASE("A root that is no directory is damage") {
  auto sidecar = Opened([](FileBytes& b) {
    At<format::Node>(b, "NODE", kRoot).attribute = At<format::Node>(b, "NODE", kX).attribute;
  });
  CHECK(Damaged(sidecar->Node(kRoot)));
  CHECK(Damaged(sidecar->ListChildren(kRoot)));
  CHECK(Damaged(sidecar->Find("f")));
}

TEST_CASE("A hard link to itself, a directory or no node is damage") {
  for (uint64_t target : {uint64_t{kHard}, uint64_t{kD}, uint64_t{10}, UINT64_MAX}) {
    auto sidecar = Opened([&](FileBytes& b) { At<format::Node>(b, "NODE", kHard).size = target; });
    CHECK(Damaged(sidecar->Node(kHard)));
    CHECK(Damaged(sidecar->Extents(kHard)));
    CHECK(Damaged(sidecar->Digest(kHard)));
  }
}

TEST_CASE("Names that run backwards are damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kF).name = 0; });
  CHECK(Damaged(sidecar->Name(kD)));  // would be before it begins
}

TEST_CASE("A name beyond its section is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", 10).name = 60'000; });
  CHECK(Damaged(sidecar->Name(kY)));
  CHECK(Damaged(sidecar->Lookup(kE, "y")));
}

TEST_CASE("A name that is empty or too long is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", 10).name = 70'000; });
  CHECK(Damaged(sidecar->Name(kY)));
  auto empty = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", 10).name -= 1; });
  CHECK(Damaged(empty->Name(kY)));
}

TEST_CASE("Names that would lead out of the tree are damage") {
  for (std::string_view name :
       {std::string_view("."), std::string_view("/"), std::string_view("\0", 1)}) {
    auto sidecar = Opened(
        [&](FileBytes& b) { At<char>(b, "NAME", At<format::Node>(b, "NODE", kY).name) = name[0]; });
    CHECK(Damaged(sidecar->Name(kY)));
    CHECK(Damaged(sidecar->Path(kY)));
    CHECK_FALSE(ValueOf(sidecar->Lookup(kE, name)).has_value());
  }
}

TEST_CASE("A root with a name is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kD).name = 1; });
  CHECK(Damaged(sidecar->Name(kRoot)));
}

TEST_CASE("A directory that is its own child is damage") {
  auto sidecar = Opened([](FileBytes& b) {
    auto& d = At<format::Directory>(b, "DIRS", 1);
    d.first_child = kD;
  });
  CHECK(Damaged(sidecar->ListChildren(kD)));
}

TEST_CASE("Directories that share a child are damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Directory>(b, "DIRS", 1).child_count = 3; });
  CHECK(Damaged(sidecar->ListChildren(kD)));
}

TEST_CASE("Children beyond the last node are damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Directory>(b, "DIRS", 2).child_count = 2; });
  CHECK(Damaged(sidecar->ListChildren(kE)));
  auto huge =
      Opened([](FileBytes& b) { At<format::Directory>(b, "DIRS", 2).child_count = UINT32_MAX; });
  CHECK(Damaged(huge->ListChildren(kE)));
}

TEST_CASE("A directory without its record is damage") {
  for (uint64_t index : {uint64_t{0}, uint64_t{2}, uint64_t{3}, UINT64_MAX}) {
    auto sidecar = Opened([&](FileBytes& b) { At<format::Node>(b, "NODE", kD).size = index; });
    CHECK(Damaged(sidecar->ListChildren(kD)));
    CHECK(Damaged(sidecar->Node(kD)));
    CHECK(Damaged(sidecar->Find("d/x")));
  }
}

TEST_CASE("A node in no directory is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Directory>(b, "DIRS", 2).child_count = 0; });
  CHECK(Damaged(sidecar->Parent(kY)));
  auto before = Opened([](FileBytes& b) {
    for (uint64_t i = 0; i < 3; ++i) At<format::Directory>(b, "DIRS", i).first_child = 9;
  });
  CHECK(Damaged(before->Parent(kD)));
  auto after = Opened([](FileBytes& b) { At<format::Directory>(b, "DIRS", 2).node = kY; });
  CHECK(Damaged(after->Parent(kY)));
  CHECK(Damaged(after->Path(kY)));
}

TEST_CASE("A symlink beyond its section is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kS).size = 3; });
  CHECK(Damaged(sidecar->SymlinkTarget(kS)));
  auto far = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kS).size = UINT64_MAX; });
  CHECK(Damaged(far->SymlinkTarget(kS)));
}

TEST_CASE("A symlink to nowhere or with a NUL is damage") {
  auto empty = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kS).size = 0; });
  CHECK(Damaged(empty->SymlinkTarget(kS)));
  auto nul = Opened([](FileBytes& b) { At<char>(b, "LINK", 1) = 0; });
  CHECK(Damaged(nul->SymlinkTarget(kS)));
}

// EXTR: 0 links of f; 1 xattrs, 2 extents of g; 3, 4 time of t.
TEST_CASE("A node without its EXTR record is damage") {
  auto sidecar = Opened([](FileBytes& b) {
    for (uint64_t i = 0; i < 5; ++i) At<format::Extra>(b, "EXTR", i).kind = 99;
  });
  CHECK(Damaged(sidecar->Node(kF)));
  CHECK(Damaged(sidecar->Extents(kG)));
  CHECK(Damaged(sidecar->Attributes(kG)));
  CHECK(Damaged(sidecar->Node(kT)));
  auto none = Opened([](FileBytes& b) { FindSection(b, "EXTR")->bytes = 0; });
  CHECK(Damaged(none->Node(kT)));
}

TEST_CASE("A time with more than a second of nanoseconds is damage") {
  auto sidecar =
      Opened([](FileBytes& b) { At<format::Extra>(b, "EXTR", 4).value = 1'000'000'000; });
  CHECK(Damaged(sidecar->Node(kT)));
}

TEST_CASE("Headers before the tar's first byte are damage") {
  auto sidecar = Opened([](FileBytes& b) {
    At<format::Node>(b, "NODE", kF).place = uint64_t{2} << format::kPlaceBlockBits | 1;
  });
  CHECK(Damaged(sidecar->Node(kF)));
  auto extra = Opened([](FileBytes& b) {
    At<format::Node>(b, "NODE", kF).place |= format::kHeaderBlocksInExtra
                                             << format::kPlaceBlockBits;
  });
  CHECK(Damaged(extra->Node(kF)));
}

TEST_CASE("Content beyond the tar is damage") {
  auto large = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kF).size = 1'000'000; });
  CHECK(Damaged(large->Extents(kF)));
  auto huge = Opened([](FileBytes& b) { At<format::Node>(b, "NODE", kF).size = UINT64_MAX; });
  CHECK(Damaged(huge->Extents(kF)));
}

// EXTS: 0 count; then file offset, tar offset, length of each.
TEST_CASE("Extents that overlap, run backwards or lead outside are damage") {
  struct Case {
    const char* what;
    uint64_t index;
    uint64_t value;
  };
  for (const Case& c :
       {Case{"too many", 0, 3}, Case{"far too many", 0, UINT64_MAX}, Case{"overlap", 4, 5},
        Case{"beyond the size", 4, 9'999}, Case{"beyond 2^64", 4, UINT64_MAX},
        Case{"of nothing", 3, 0}, Case{"too long", 3, UINT64_MAX},
        Case{"beyond the tar", 5, 1'000'000}, Case{"tar beyond 2^64", 5, UINT64_MAX}}) {
    INFO(c.what);
    auto sidecar = Opened([&](FileBytes& b) { At<uint64_t>(b, "EXTS", c.index) = c.value; });
    CHECK(Damaged(sidecar->Extents(kG)));
  }
}

TEST_CASE("Extents beyond their section are damage") {
  for (uint64_t offset : {uint64_t{56}, uint64_t{50}, UINT64_MAX, UINT64_MAX - 7}) {
    auto sidecar = Opened([&](FileBytes& b) { At<format::Extra>(b, "EXTR", 2).value = offset; });
    CHECK(Damaged(sidecar->Extents(kG)));
  }
}

// XATT: count; name bytes, value bytes, "user.a", "1"; the same of "user.b".
TEST_CASE("Attributes without a name or longer than their section are damage") {
  struct Case {
    const char* what;
    uint64_t index;
    uint32_t value;
  };
  for (const Case& c :
       {Case{"too many", 0, 3}, Case{"far too many", 0, UINT32_MAX}, Case{"no name", 1, 0},
        Case{"long name", 1, UINT32_MAX}, Case{"long value", 2, UINT32_MAX}}) {
    INFO(c.what);
    auto sidecar = Opened([&](FileBytes& b) { At<uint32_t>(b, "XATT", c.index) = c.value; });
    CHECK(Damaged(sidecar->Attributes(kG)));
  }
  auto nul = Opened([](FileBytes& b) { At<char>(b, "XATT", 14) = 0; });
  CHECK(Damaged(nul->Attributes(kG)));
  auto beyond = Opened([](FileBytes& b) { At<format::Extra>(b, "EXTR", 1).value = UINT64_MAX; });
  CHECK(Damaged(beyond->Attributes(kG)));
}

TEST_CASE("A file without the digest it should have is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Rank>(b, "RANK", 0).bits = 0; });
  CHECK(Damaged(sidecar->Digest(kF)));
  auto beyond = Opened([](FileBytes& b) { At<format::Rank>(b, "RANK", 0).before = 1000; });
  CHECK(Damaged(beyond->Digest(kF)));
}

TEST_CASE("Spans with gaps, overlaps or outside the archive are damage") {
  auto damaged = [](uint64_t index, const std::function<void(format::Span&)>& change) {
    auto sidecar = Opened([&](FileBytes& b) { change(At<format::Span>(b, "SPAN", index)); });
    return Damaged(sidecar->SpanAt(0)) || Damaged(sidecar->SpanAt(1));
  };
  CHECK(damaged(0, [](auto& s) { s.tar_offset = 1; }));        // a gap before it
  CHECK(damaged(0, [](auto& s) { s.archive_bytes = 0; }));     // from nothing
  CHECK(damaged(0, [](auto& s) { s.archive_offset = 601; }));  // beyond the archive
  CHECK(damaged(0, [](auto& s) { s.archive_offset = UINT64_MAX; }));
  CHECK(damaged(1, [](auto& s) { s.tar_offset = 0; }));                  // of nothing
  CHECK(damaged(1, [](auto& s) { s.tar_offset = uint64_t{1} << 40; }));  // too long
  CHECK(damaged(2, [](auto& s) { s.tar_offset += 1; }));                 // not as long as the tar
}

TEST_CASE("A tar byte in no span is damage") {
  auto sidecar = Opened([](FileBytes& b) { At<format::Span>(b, "SPAN", 1).tar_offset = 1 << 20; });
  CHECK(Damaged(sidecar->SpanHolding(sidecar->tar_bytes() - 1)));
  auto none = Opened([](FileBytes& b) {
    HeaderOf(b).span_count = 0;
    FindSection(b, "SPAN")->bytes = sizeof(format::Span);
    At<format::Node>(b, "NODE", kF).attribute = 1000;  // Opened wants something to be wrong
  });
  CHECK(Damaged(none->SpanHolding(0)));
}

namespace {

// The sidecar of somebody else's gzip: its second span begins 900 bits into a block.
FileBytes ForeignSidecar() {
  auto parts = test::MakeParts(1 << 20);
  parts.starts = {
      {.kind = SpanStart::Kind::kDeflate},
      {.kind = SpanStart::Kind::kDeflate, .skip_bits = 3, .block_bits = 900, .window_bytes = 6}};
  parts.windows = "window";
  return test::BuildSidecar(Entries(), parts);
}

Result<SpanStart> StartAfter(const Change& change) {
  auto bytes = ForeignSidecar();
  change(bytes);
  test::Reseal(bytes);
  const auto sidecar = test::OpenSidecar(std::move(bytes));
  if (!sidecar) return Failure(sidecar.error());
  return (*sidecar)->StartOf(1);
}

Result<SpanStart> CheckpointAfter(const std::function<void(format::Checkpoint&)>& change) {
  return StartAfter([&](FileBytes& b) { change(At<format::Checkpoint>(b, "CKPT", 1)); });
}

}  // namespace

TEST_CASE("The checkpoints of a sound sidecar are read as they were written") {
  const auto sidecar = ValueOf(test::OpenSidecar(ForeignSidecar()));
  CHECK(test::DescribeAll(*sidecar).find("! ") == std::string::npos);
  const auto start = ValueOf(sidecar->StartOf(1));
  CHECK(start.kind == SpanStart::Kind::kDeflate);
  CHECK(start.skip_bits == 3);
  CHECK(start.block_bits == 900);
  CHECK(AsText(ValueOf(sidecar->PackedWindow(start))) == "window");
  CHECK(CheckpointAfter([](auto&) {}).has_value());
}

TEST_CASE("An impossible checkpoint is damage") {
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.kind = 4; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.skip_bits = 8; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.block_bits = 310 * 8 + 4; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.block_bits = UINT64_MAX; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.window_bytes = 7; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.window_offset = 1; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) { c.window_offset = UINT64_MAX; })));
  CHECK(Damaged(CheckpointAfter([](auto& c) {
    c.window_bytes = UINT32_MAX;
    c.window_offset = 0;
  })));
}

TEST_CASE("Checkpoints without windows, or of another number than spans, are damage") {
  CHECK(Damaged(StartAfter([](FileBytes& b) {
    auto* section = FindSection(b, "WNDW");
    std::memcpy(section->id, "GONE", 4);
    section->flags = 0;
  })));
  CHECK(Damaged(StartAfter([](FileBytes& b) { FindSection(b, "CKPT")->bytes -= 24; })));
  CHECK(Damaged(StartAfter([](FileBytes& b) { FindSection(b, "CKPT")->bytes -= 1; })));
  CHECK(Damaged(StartAfter([](FileBytes& b) { FindSection(b, "CKPT")->bytes = 0; })));
}

TEST_CASE("Who does not know checkpoints does not read such a sidecar") {
  auto bytes = ForeignSidecar();
  CHECK((FindSection(bytes, "CKPT")->flags & format::kRequired) != 0);
  CHECK((FindSection(bytes, "WNDW")->flags & format::kRequired) != 0);
}

TEST_CASE("Facts that are no JSON are damage") {
  auto sidecar = Opened([](FileBytes& b) { At<char>(b, "FACT", 0) = '['; });
  CHECK(Damaged(sidecar->facts()));
}

TEST_CASE("Warnings without an end are damage") {
  for (const uint64_t bytes : {uint64_t{4}, uint64_t{8}, uint64_t{9}}) {
    auto sidecar = Opened([&](FileBytes& b) {
      auto* section = FindSection(b, "FACT");
      std::memcpy(section->id, "WARN", 4);
      section->bytes = bytes;
      std::memset(b.data() + section->offset, 'w', bytes);
    });
    CHECK(Damaged(sidecar->warnings()));
  }
}

}  // namespace orcio

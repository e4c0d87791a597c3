#include "index/sidecar/read/sidecar.h"

#include <unistd.h>

#include <cstring>
#include <set>
#include <sstream>
#include <thread>

#include "base/bytes.h"
#include "index/sidecar/sidecar_format.h"
#include "tests/support/archives/sidecar_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::EntryMaker;
using test::FileBytes;

std::set<std::string> Lines(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  return lines;
}

// Where a section is; offset and bytes.
sidecar_format::Section SectionOf(const FileBytes& bytes, std::string_view id) {
  sidecar_format::Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  for (uint32_t i = 0; i < header.section_count; ++i) {
    sidecar_format::Section section;
    std::memcpy(&section, bytes.data() + sizeof(header) + i * sizeof(section), sizeof(section));
    if (std::string_view(section.id, 4) == id) return section;
  }
  FAIL("no section " << id);
  return {};
}

std::vector<TarEntry> ManyFiles(int count) {
  EntryMaker make;
  std::vector<TarEntry> entries;
  for (int i = 0; i < count; ++i)
    entries.push_back(make.File(fmt::format("d{}/file-{}", i % 7, i), "1"));
  return entries;
}

class BytesAccess : public RandomAccess {
 public:
  explicit BytesAccess(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    auto part = AsBytes(bytes_).subspan(std::min<size_t>(offset, bytes_.size()));
    part = part.first(std::min(part.size(), into.size()));
    std::copy(part.begin(), part.end(), into.begin());
    return part.size();
  }
  uint64_t size() const override { return bytes_.size(); }
  std::string bytes_;
};

}  // namespace

TEST_CASE("A sidecar says which archive it was made from") {
  BytesAccess archive(std::string(10'000, 'x'));
  auto parts = test::MakeParts(1024);
  parts.archive.bytes = archive.size();
  parts.archive.edges_sha256 = ValueOf(DigestEdges(archive));
  auto sidecar = ValueOf(test::OpenSidecar(test::BuildSidecar({}, parts)));
  CHECK(sidecar->archive() == parts.archive);
  REQUIRE_OK(sidecar->CheckBelongsTo(archive));
  for (size_t changed : {size_t{0}, size_t{4095}, size_t{5904}, size_t{9999}}) {
    BytesAccess other(archive.bytes_);
    other.bytes_[changed] = 'y';
    auto check = sidecar->CheckBelongsTo(other);
    REQUIRE_FALSE(check.has_value());
    CHECK(check.error().kind == ErrorKind::kDamaged);
    CHECK(check.error().message.find("wiki.tar.gz.idx") == 0);
  }
  CHECK_FALSE(sidecar->CheckBelongsTo(BytesAccess(std::string(9'999, 'x'))).has_value());
  CHECK_FALSE(sidecar->CheckBelongsTo(BytesAccess("")).has_value());
}

TEST_CASE("A sidecar is opened for its own archive alone") {
  BytesAccess archive(std::string(10'000, 'x'));
  auto parts = test::MakeParts(1024);
  parts.archive.bytes = archive.size();
  parts.archive.edges_sha256 = ValueOf(DigestEdges(archive));
  test::MemoryFiles files;
  files.Put("wiki.tar.gz.idx", test::BuildSidecar({}, parts));
  CHECK(ValueOf(Sidecar::OpenFor(files, "wiki.tar.gz.idx", archive))->archive() == parts.archive);
  const auto other =
      Sidecar::OpenFor(files, "wiki.tar.gz.idx", BytesAccess(std::string(10'000, 'y')));
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().kind == ErrorKind::kDamaged);
  const auto missing = Sidecar::OpenFor(files, "mail.tar.gz.idx", archive);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::kNotFound);
}

TEST_CASE("The edges of a short archive are all of it, twice") {
  CHECK(ValueOf(DigestEdges(BytesAccess("ab"))) == Sha256::Of(AsBytes("abab")));
  CHECK(ValueOf(DigestEdges(BytesAccess(""))) == Sha256::Of({}));
  std::string five(5'000, '5');
  CHECK(ValueOf(DigestEdges(BytesAccess(five))) == Sha256::Of(AsBytes(std::string(8'192, '5'))));
}

TEST_CASE("The same entries give the same bytes") {
  CHECK(test::BuildSidecar(test::VariedEntries()) == test::BuildSidecar(test::VariedEntries()));
  CHECK(test::BuildSidecar(ManyFiles(3000)) == test::BuildSidecar(ManyFiles(3000)));
}

TEST_CASE("A rebuilt sidecar differs in the run's facts alone") {
  auto parts = test::MakeParts(16'384);
  auto first = test::BuildSidecar(test::VariedEntries(), parts);
  parts.facts = {};
  parts.facts.tools["orcio"] = std::string(5'000, '9');
  auto rebuilt = test::BuildSidecar(test::VariedEntries(), parts);
  uint64_t facts = SectionOf(first, "FACT").offset;
  CHECK(SectionOf(rebuilt, "FACT").offset == facts);
  CHECK(std::equal(first.begin() + 4096, first.begin() + static_cast<ptrdiff_t>(facts),
                   rebuilt.begin() + 4096));
  CHECK(SectionOf(rebuilt, "FACT").bytes == ToJson(parts.facts).size());
  auto sidecar = ValueOf(test::OpenSidecar(rebuilt));
  CHECK(ValueOf(sidecar->facts()) == parts.facts);
}

TEST_CASE("An archive of nothing has a sidecar") {
  auto sidecar = ValueOf(test::OpenSidecar(test::BuildSidecar({}, test::MakeParts(0))));
  CHECK(sidecar->node_count() == 1);
  CHECK(sidecar->span_count() == 0);
  CHECK(ValueOf(sidecar->ListChildren(kRootNode)).count == 0);
  CHECK(ValueOf(sidecar->Parent(kRootNode)) == kRootNode);
  CHECK(ValueOf(sidecar->Path(kRootNode)).empty());
  CHECK(ValueOf(sidecar->warnings()).count == 0);
  CHECK_FALSE(sidecar->SpanHolding(0).has_value());
}

TEST_CASE("Every name is found, and no other") {
  auto sidecar = ValueOf(test::OpenSidecar(test::BuildSidecar(ManyFiles(3000))));
  for (int i = 0; i < 3000; ++i) {
    std::string path = fmt::format("d{}/file-{}", i % 7, i);
    auto id = ValueOf(sidecar->Find(path));
    REQUIRE(id.has_value());
    REQUIRE(ValueOf(sidecar->Path(*id)) == path);
  }
  for (const char* path : {"d0/file-1", "d0/file-", "d0/file-00", "d0/~", "d0/ ", "d7",
                           "d0/file-0/x", "..", "d0/..", "d0/../d1"}) {
    CHECK_FALSE(ValueOf(sidecar->Find(path)).has_value());
  }
  NodeId d0 = *ValueOf(sidecar->Find("/d0//./"));
  CHECK(ValueOf(sidecar->Name(d0)) == "d0");
  for (std::string_view name : {std::string_view(""), std::string_view("."), std::string_view(".."),
                                std::string_view("file-0/"), std::string_view("file-0\0", 7)}) {
    CHECK_FALSE(ValueOf(sidecar->Lookup(d0, name)).has_value());
  }
}

TEST_CASE("Asking a node for what it is not is the caller's fault") {
  auto sidecar = ValueOf(test::OpenSidecar(test::BuildSidecar(test::VariedEntries())));
  NodeId file = *ValueOf(sidecar->Find("srv/wiki/a"));
  NodeId link = *ValueOf(sidecar->Find("srv/wiki/c"));
  NodeId beyond = sidecar->node_count();
  auto invalid = [](const auto& result) {
    return !result && result.error().kind == ErrorKind::kInvalid;
  };
  CHECK(invalid(sidecar->Node(beyond)));
  CHECK(invalid(sidecar->Name(beyond)));
  CHECK(invalid(sidecar->Parent(beyond)));
  CHECK(invalid(sidecar->Path(beyond)));
  CHECK(invalid(sidecar->Digest(UINT32_MAX)));
  CHECK(invalid(sidecar->ListChildren(file)));
  CHECK(invalid(sidecar->Lookup(file, "x")));
  CHECK(invalid(sidecar->SymlinkTarget(file)));
  CHECK(invalid(sidecar->Extents(link)));
  CHECK(invalid(sidecar->SpanAt(sidecar->span_count())));
  CHECK(invalid(sidecar->SpanHolding(sidecar->tar_bytes())));
}

TEST_CASE("Each tar byte is in the span that says so") {
  auto parts = test::MakeParts(0);
  for (uint32_t i = 0; i < 1000; ++i) {
    uint32_t bytes = 1 + i % 5;
    parts.spans.push_back({parts.tar.tar_bytes, bytes, i * uint64_t{7}, 3, i});
    parts.tar.tar_bytes += bytes;
  }
  parts.archive.bytes = 7'000;
  auto sidecar = ValueOf(test::OpenSidecar(test::BuildSidecar({}, parts)));
  for (uint64_t i = 0; i < 1000; ++i) {
    CHECK(ValueOf(sidecar->SpanAt(i)) == parts.spans[i]);
    for (uint32_t byte = 0; byte < parts.spans[i].tar_bytes; ++byte)
      REQUIRE(ValueOf(sidecar->SpanHolding(parts.spans[i].tar_offset + byte)) == i);
  }
}

TEST_CASE("Spans with a gap, an overlap or nothing in them are refused") {
  auto good = test::MakeParts(4096);
  auto refused = [](const test::SidecarParts& parts) {
    test::MemoryFiles files;
    auto file = files.Create("f");
    SidecarBuilder builder;
    auto written = builder.Write(**file, parts.archive, parts.spans, parts.tar, parts.facts);
    return !written && written.error().kind == ErrorKind::kInvalid;
  };
  CHECK_FALSE(refused(good));
  for (int change = 0; change < 5; ++change) {
    auto parts = good;
    if (change == 0) ++parts.spans[1].tar_offset;
    if (change == 1) --parts.spans[1].tar_bytes;
    if (change == 2) parts.spans[1].archive_bytes = 0;
    if (change == 3) parts.spans[1].archive_offset = 5;
    if (change == 4) parts.spans.clear();
    CHECK(refused(parts));
  }
}

TEST_CASE("A write that fails makes no sidecar, whichever it is") {
  size_t fail_at = 1;
  for (;; ++fail_at) {
    test::MemoryFiles memory;
    test::FailingFiles files(memory);
    auto file = ValueOf(files.Create("made"));
    files.FailAt(fail_at);
    SidecarBuilder builder;
    for (TarEntry& entry : ManyFiles(10'000)) REQUIRE_OK(builder.Add(std::move(entry)));
    auto parts = test::MakeParts(uint64_t{1} << 31);
    auto written = builder.Write(*file, parts.archive, parts.spans, parts.tar, parts.facts);
    CHECK(Sidecar::Open(memory, "made").has_value() == written.has_value());
    if (!files.failed()) break;
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().errnum == ENOSPC);
  }
  CHECK(fail_at > 4);  // pieces of 256 KiB, checksums, header
}

TEST_CASE("Opening a sidecar reads its header alone") {
  auto bytes = test::BuildSidecar(test::VariedEntries());
  auto whole = ValueOf(test::OpenSidecar(bytes));
  std::fill(bytes.begin() + 4096, bytes.end(), std::byte{0xEE});
  auto sidecar = ValueOf(test::OpenSidecar(bytes));
  CHECK(sidecar->archive() == whole->archive());
  CHECK(sidecar->entry_count() == 8);
  auto node = sidecar->Node(0);
  REQUIRE_FALSE(node.has_value());
  CHECK(node.error().kind == ErrorKind::kDamaged);
}

TEST_CASE("A sidecar cut at any byte is refused") {
  auto bytes = test::BuildSidecar(test::VariedEntries());
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto opened =
        test::OpenSidecar(FileBytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)));
    REQUIRE_FALSE(opened.has_value());
    REQUIRE(opened.error().kind == ErrorKind::kDamaged);
    REQUIRE(opened.error().message.find("wiki.tar.gz.idx") == 0);
  }
}

TEST_CASE("A sidecar with any byte changed says so, and never says anything else") {
  auto bytes = test::BuildSidecar(test::VariedEntries());
  std::string good = test::DescribeAll(*ValueOf(test::OpenSidecar(bytes)));
  REQUIRE(good.find("! ") == std::string::npos);
  auto good_lines = Lines(good);
  for (size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= std::byte{static_cast<uint8_t>(1 + at % 255)};
    auto opened = test::OpenSidecar(bytes);
    bytes[at] ^= std::byte{static_cast<uint8_t>(1 + at % 255)};
    INFO("byte " << at);
    if (!opened) {
      REQUIRE(opened.error().kind == ErrorKind::kDamaged);
      continue;
    }
    auto sidecar = *opened;
    for (const std::string& line : Lines(test::DescribeAll(*sidecar)))
      REQUIRE((line.front() == '!' || good_lines.count(line) != 0));
    auto all = sidecar->CheckAll();
    REQUIRE_FALSE(all.has_value());
    REQUIRE(all.error().kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Checksums of several levels are followed up to the header's") {
  auto bytes = test::BuildSidecar(ManyFiles(60'000));
  auto checksums = SectionOf(bytes, "CSUM");
  REQUIRE(checksums.offset > 4096 * 1025);  // two levels
  auto whole = ValueOf(test::OpenSidecar(bytes));
  REQUIRE_OK(whole->CheckAll());
  REQUIRE_OK(whole->Node(59'999));
  // The last block of each: level 0's speaks of the last blocks of the file, level 1 of all.
  for (uint64_t block : {checksums.offset / 4096 + 1, bytes.size() / 4096 - 1}) {
    auto damaged = bytes;
    damaged[block * 4096] ^= std::byte{1};
    auto sidecar = ValueOf(test::OpenSidecar(damaged));
    CHECK_FALSE(sidecar->facts().has_value());
    CHECK(sidecar->Node(0).has_value() == (block + 1 != bytes.size() / 4096));
    CHECK_FALSE(sidecar->CheckAll().has_value());
  }
}

TEST_CASE("A sidecar whose disk fails while it is used says so from then on") {
  test::MemoryFiles files;
  files.Put("wiki.tar.gz.idx", test::BuildSidecar(test::VariedEntries()));
  auto sidecar = ValueOf(Sidecar::Open(files, "wiki.tar.gz.idx"));
  REQUIRE_OK(sidecar->Node(0));
  files.Fault();
  auto failed = [](const auto& result) { return !result && result.error().kind == ErrorKind::kIo; };
  CHECK(failed(sidecar->Node(0)));
  CHECK(failed(sidecar->Name(1)));
  CHECK(failed(sidecar->Path(1)));
  CHECK(failed(sidecar->Lookup(0, "srv")));
  CHECK(failed(sidecar->SpanHolding(0)));
  CHECK(failed(sidecar->facts()));
  CHECK(failed(sidecar->warnings()));
  CHECK(failed(sidecar->CheckAll()));
  CHECK_FALSE(Sidecar::Open(files, "wiki.tar.gz.idx").has_value());
}

TEST_CASE("A sidecar cut short on disk while it is used says so") {
  test::ScratchDirectory scratch;
  auto path = scratch / "wiki.tar.gz.idx";
  auto bytes = test::BuildSidecar(ManyFiles(3'000));
  auto file = ValueOf(LocalFileSystem().Create(path));
  REQUIRE_OK(file->Append(bytes));
  auto sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), path));
  REQUIRE_OK(sidecar->Node(0));
  REQUIRE(truncate(path.c_str(), 4096) == 0);
  auto node = sidecar->Node(2'999);
  REQUIRE_FALSE(node.has_value());
  CHECK(node.error().kind == ErrorKind::kIo);
  CHECK_FALSE(sidecar->Node(0).has_value());
}

TEST_CASE("Eight threads that walk a fresh sidecar all see the same") {
  auto bytes = test::BuildSidecar(ManyFiles(2'000));
  std::string good = test::DescribeAll(*ValueOf(test::OpenSidecar(bytes)));
  auto sidecar = ValueOf(test::OpenSidecar(bytes));
  std::vector<std::string> seen(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& text : seen)
      threads.emplace_back([&text, sidecar] { text = test::DescribeAll(*sidecar); });
  }
  for (const std::string& text : seen) CHECK((text == good));
}

TEST_CASE("A sidecar that is not there is not found") {
  test::MemoryFiles files;
  auto opened = Sidecar::Open(files, "missing.idx");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kNotFound);
}

}  // namespace orcio

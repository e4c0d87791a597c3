#include "index/archive/write/archive_assembler.h"

#include <fstream>
#include <map>

#include "base/bytes.h"
#include "index/archive/read/archive_reader.h"
#include "index/repository/repository.h"
#include "index/verify/tar_order.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

const std::string kTarget = "wiki-2026-11-24T020000Z.tar.gz";

// An archive of a tree with files of all sizes, its entries as they stand in the tar.
struct Source {
  test::MadeArchive made;
  std::vector<TarEntry> entries;
  uint64_t end = 0;

  explicit Source(const std::filesystem::path& directory) {
    const auto tree = directory / "tree";
    std::filesystem::create_directories(tree / "sub");
    uint32_t state = 1;
    for (uint32_t i = 0; i < 60; ++i) {
      std::ofstream out(tree / (i % 2 == 0 ? "" : "sub") / ("f" + std::to_string(i)),
                        std::ios::binary);
      for (uint32_t byte = 0; byte < i * i * 400; ++byte)
        out.put(static_cast<char>(((state = state * 1664525 + 1013904223) >> 24) % (i + 1)));
    }
    std::filesystem::create_hard_link(tree / "f10", tree / "sub/link");
    test::MustRunShell(
        "cd " + tree.string() +
        " && truncate -s 2M hole && setfattr -n user.a -v b f2 && ln -s f2 symbolic");
    made = test::MakeArchive(directory / "wiki-2026-11-23T020000Z.tar.gz", test::TarOf(tree));
    auto scanned = test::ScanBytes(AsText(made.tar));
    end = ValueOf(scanned.summary).end_of_entries;
    entries = std::move(scanned.entries);
  }
  [[nodiscard]] uint64_t End(size_t i) const {
    return i + 1 < entries.size() ? entries[i + 1].header_offset : end;
  }
  [[nodiscard]] std::unique_ptr<AssemblySource> Open() const {
    return ValueOf(AssemblySource::Open(LocalFileSystem(), made.path,
                                        ValueOf(Sidecar::Open(LocalFileSystem(), made.sidecar))));
  }
};

// Appends what `wanted` says of, in the tar's order.
Result<void> AppendSome(ArchiveAssembler& assembler, const Source& from, AssemblySource& source,
                        const std::function<bool(size_t)>& wanted) {
  for (size_t i = 0; i < from.entries.size(); ++i) {
    if (!wanted(i)) continue;
    TarEntry entry = from.entries[i];
    const auto node = ORCIO_TRY(source.sidecar().Find(entry.path));
    auto described = ORCIO_TRY(TarEntryOf(source.sidecar(), *node));
    if (described.type == EntryType::kHardLink) {
      described.header_offset = entry.header_offset;
      described.data_offset = from.End(i);
    }
    ORCIO_TRY(assembler.Append(source, entry.header_offset, from.End(i), std::move(described)));
  }
  return {};
}

Result<void> Assemble(const FileSystem& files, const std::filesystem::path& directory,
                      const Source& from, AssemblySource& source,
                      const std::function<bool(size_t)>& wanted, uint64_t* copied = nullptr) {
  const auto assembler = ORCIO_TRY(ArchiveAssembler::Create(files, directory, kTarget));
  ORCIO_TRY(AppendSome(*assembler, from, source, wanted));
  ORCIO_TRY(assembler->Finish());
  if (copied != nullptr) *copied = assembler->copied_tar_bytes();
  ORCIO_TRY(assembler->Describe({}));
  return assembler->Publish();
}

}  // namespace

TEST_CASE("An archive put together holds just the entries taken, byte for byte") {
  const test::ScratchDirectory scratch;
  const Source from(scratch.path());
  const auto source = from.Open();
  const auto wanted = [](size_t i) { return i % 5 != 3; };
  uint64_t copied = 0;
  REQUIRE_OK(Assemble(LocalFileSystem(), scratch.path(), from, *source, wanted, &copied));
  CHECK(copied > from.end / 2);

  const std::string tar = test::MustRunShell("gzip -dc " + (scratch / kTarget).string());
  const auto found = test::ScanBytes(tar);
  REQUIRE_OK(found.summary);
  CHECK(found.summary->whole());
  size_t at = 0;
  for (size_t i = 0; i < from.entries.size(); ++i) {
    if (!wanted(i)) continue;
    const TarEntry& before = from.entries[i];
    REQUIRE(at < found.entries.size());
    const TarEntry& after = found.entries[at++];
    INFO(before.path);
    CHECK(after.path == before.path);
    const auto bytes =
        AsText(from.made.tar).substr(before.header_offset, from.End(i) - before.header_offset);
    CHECK(std::string_view(tar).substr(after.header_offset, bytes.size()) == bytes);
  }
  CHECK(at == found.entries.size());

  // The sidecar says what a rebuilt one would, and every file reads.
  const auto sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), scratch / (kTarget + ".idx")));
  CHECK(sidecar->complete());
  SpanCache cache(8 << 20);
  const auto reader =
      ValueOf(ArchiveReader::Open(LocalFileSystem(), scratch / kTarget, sidecar, cache));
  for (const TarEntry& entry : found.entries) {
    INFO(entry.path);
    const auto node = ValueOf(sidecar->Find(entry.path));
    REQUIRE(node);
    if (entry.type != EntryType::kFile) continue;
    CHECK(ValueOf(sidecar->Digest(*node)) == entry.digest);
    std::string content;
    for (const Slice& slice : ValueOf(reader->ReadFile(*node, 0, entry.size)))
      content.append(AsText(slice.bytes));
    CHECK(content == test::ContentOf(entry, tar));
  }
}

TEST_CASE("An archive that is not what its sidecar says is not taken over") {
  const test::ScratchDirectory scratch;
  const Source from(scratch.path());
  const auto size = std::filesystem::file_size(from.made.path);
  for (uint64_t at = 5000; at < size; at += size / 40) {
    INFO(at);
    test::FlipByte(from.made.path, at);
    const auto source =
        AssemblySource::Open(LocalFileSystem(), from.made.path,
                             ValueOf(Sidecar::Open(LocalFileSystem(), from.made.sidecar)));
    const auto done = source ? Assemble(LocalFileSystem(), scratch.path(), from, **source,
                                        [](size_t i) { return i % 2 == 0; })
                             : Result<void>(Failure(source.error()));
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == ErrorKind::kDamaged);
    CHECK_FALSE(std::filesystem::exists(scratch / kTarget));
    test::FlipByte(from.made.path, at);
  }
}

TEST_CASE("An entry that is not where it is said to be is noticed") {
  const test::ScratchDirectory scratch;
  const Source from(scratch.path());
  const auto source = from.Open();
  const auto assembler =
      ValueOf(ArchiveAssembler::Create(LocalFileSystem(), scratch.path(), kTarget));
  // The bytes of one entry as another's: described with one's name, and the other's place.
  TarEntry wrong = from.entries[4];
  wrong.path = "another";
  REQUIRE_OK(
      assembler->Append(*source, from.entries[4].header_offset, from.End(4), std::move(wrong)));
  const auto finished = assembler->Finish();
  REQUIRE_FALSE(finished);
  CHECK(finished.error().kind == ErrorKind::kDamaged);
}

TEST_CASE("Whichever call fails, no archive is half put together") {
  const test::ScratchDirectory scratch;
  const Source from(scratch.path());
  for (size_t fails = 1;; ++fails) {
    test::FailingFiles files(LocalFileSystem());
    files.FailAt(fails);
    const auto source = from.Open();
    const auto done = Assemble(files, scratch.path(), from, *source, [](size_t) { return true; });
    if (done) break;
    INFO(fails << ": " << done.error().message);
    // Both names or neither; whatever came before the last call stays whole.
    if (std::filesystem::exists(scratch / kTarget)) {
      CHECK(std::filesystem::exists(scratch / (kTarget + ".idx")));
      test::MustRunShell("tar tf " + (scratch / kTarget).string());
      std::filesystem::remove(scratch / kTarget);
      std::filesystem::remove(scratch / (kTarget + ".idx"));
    }
    for (const auto& each : std::filesystem::directory_iterator(scratch.path()))
      CHECK_FALSE(each.path().extension() == ".part");
  }
  CHECK(std::filesystem::exists(scratch / kTarget));
}

}  // namespace orcio

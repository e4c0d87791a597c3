// Archives of other projects' test suites, each with what bsdtar makes of it. They are no part of
// orcio: if the directory is not there, this says so and ends.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/bytes.h"
#include "index/archive/read/archive_reader.h"
#include "index/entry/tar_path.h"
#include "index/files/file_system.h"
#include "index/rebuild/rebuild.h"
#include "index/tar/other_compression.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/sanitized.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/mtree.h"

namespace orcio {
namespace {

const std::filesystem::path kCorpus =
    std::filesystem::path(test::SourceDirectory()) / "../shared/corpus";

struct Listed {
  std::string path;
  std::string kind;  // ok, broken, readers-differ, ...
};

std::string ReadAll(const std::filesystem::path& path) {
  return std::string(AsText(ValueOf(ReadWholeFile(LocalFileSystem(), path, uint64_t{1} << 30))));
}

std::vector<Listed> Manifest() {
  std::vector<Listed> archives;
  std::istringstream lines(ReadAll(kCorpus / "MANIFEST.tsv"));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with('#')) continue;
    const size_t tab = line.find('\t');
    archives.push_back(
        {line.substr(0, tab), line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1)});
  }
  return archives;
}

// Everything but what is gzip already is kept as gzip.
std::filesystem::path StoredAt(const std::string& path) {
  const std::filesystem::path plain = kCorpus / "archives" / path;
  return std::filesystem::exists(plain) ? plain : std::filesystem::path(plain.string() + ".gz");
}

class TextFile : public RandomAccess {
 public:
  explicit TextFile(std::string_view text) : text_(text) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    const auto bytes = AsBytes(text_).subspan(std::min<uint64_t>(offset, text_.size()));
    const size_t size = std::min(bytes.size(), into.size());
    std::copy_n(bytes.begin(), size, into.begin());
    return size;
  }
  uint64_t size() const override { return text_.size(); }

 private:
  std::string_view text_;
};

// As much as gzip gives of it.
std::string Gunzipped(const std::string& bytes) {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / "x.gz", std::ios::binary) << bytes;
  return test::RunCommand({"gzip", "-dc", (scratch / "x.gz").string()}).out;
}

std::string Decompressed(const std::string& bytes, const std::string& name) {
  if (CompressionOf(AsBytes(bytes)) == "gzip") return Gunzipped(bytes);
  const TextFile file(bytes);
  auto source = OpenOtherCompression(file, name);
  std::string plain;
  while (source) {
    const auto piece = (*source)->Next();
    if (!piece || piece->empty()) break;
    plain += AsText(*piece);
  }
  return plain;
}

struct Peeled {
  std::string tar;   // what is inside, whatever compression it is in
  std::string gzip;  // the gzip it is in: the innermost layer; empty if that is another
};

Peeled Peel(const std::filesystem::path& stored) {
  constexpr int kMostLayers = 3;
  Peeled peeled;
  peeled.tar = ReadAll(stored);
  for (int layer = 0; layer < kMostLayers; ++layer) {
    const auto compression = CompressionOf(AsBytes(peeled.tar));
    if (compression.empty()) break;
    peeled.gzip = compression == "gzip" ? peeled.tar : "";
    peeled.tar = Decompressed(peeled.tar, stored.string());
  }
  return peeled;
}

// An archive as somebody drops it into a repository: indexed and read as the mount does it.
struct Dropped {
  test::ScratchDirectory scratch;
  SpanCache cache{uint64_t{64} << 20};
  std::shared_ptr<const Sidecar> sidecar;
  std::unique_ptr<ArchiveReader> reader;

  Result<void> Index(const std::string& name, std::string_view bytes) {
    const auto archive = scratch / name;
    const auto index = scratch / (name + ".idx");
    std::ofstream(archive, std::ios::binary) << bytes;
    ORCIO_TRY(RebuildSidecar(LocalFileSystem(), archive, index, {}, {}));
    sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), index));
    ORCIO_TRY(sidecar->CheckAll());
    reader = ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), archive, sidecar, cache));
    return {};
  }
};

void SkipWithoutCorpus() {
  if (std::filesystem::exists(kCorpus / "MANIFEST.tsv")) return;
  std::fprintf(stderr, "SKIPPED: %s is not there\n", kCorpus.c_str());
  std::exit(77);
}

// The paths whose last entry is a hard link.
std::set<std::string> HardLinks(const std::vector<TarEntry>& entries) {
  std::set<std::string> links;
  for (const TarEntry& entry : entries) {
    std::string path;
    std::string_view rest = InsideTree(entry.path);
    for (auto name = NextComponent(rest); !name.empty(); name = NextComponent(rest))
      path += (path.empty() ? "" : "/") + std::string(name);
    if (entry.type == EntryType::kHardLink) {
      links.insert(path);
    } else {
      links.erase(path);
    }
  }
  return links;
}

// Where what bsdtar lists is not what GNU tar 1.34 extracts, and orcio does as GNU tar: how the
// tree differs from the listing, and why.
const std::map<std::string, std::string> kUnlikeBsdtar{
    // bsdtar makes the mode's group bits those of the ACL's owning group; GNU tar, and the kernel
    // when the ACL is set, leave them the ACL's mask, as the header has them.
    {"libarchive/test_compat_star_acl_posix1e.tar", "file2: mode 543, ours 573\n"},
    // Of "//?/C:/../file12" bsdtar drops the drive letter first; GNU tar drops all up to "..".
    {"libarchive/test_patterns_4.tar",
     "?/file12: missing\n?/file17: missing\n?/file20: missing\n"
     "file12: only ours\nfile17: only ours\nfile20: only ours\n"},
    // A hard link to itself: GNU tar has nothing to link to, complains, and extracts nothing.
    {"ratarmount/single-self-link.tar", "bar: missing\n"},
    {"ratarmount/two-self-links.tar", "bar: missing\n"},
    // A file, then a directory in its place, then a file in that: the listing lost the last.
    {"ratarmount/updated-file-with-folder.tar", "foo/fighter: only ours\n"},
    // A directory that is not empty, then a file of its name: GNU tar keeps the directory. (The
    // listing has both, which no tree can hold.)
    {"ratarmount/updated-folder-with-file.tar",
     "foo: type file, ours dir\nfoo: time 1587844431.0, ours 1587843665.0\n"},
};

std::string Oracle(const std::string& path) {
  const std::string listing = (kCorpus / "expected" / (path + ".mtree")).string();
  if (std::filesystem::exists(listing)) return ReadAll(listing);
  if (std::filesystem::exists(listing + ".gz")) return Gunzipped(ReadAll(listing + ".gz"));
  return "";  // an archive without entries
}

// With a sanitizer those of a hundred thousand empty files take minutes, and are as the one of ten
// thousand is.
constexpr size_t kMostBytes = test::kSanitized ? size_t{32} << 20 : SIZE_MAX;

using Clock = std::chrono::steady_clock;

// Of files that can be read whole; reading the others is an error, never other bytes.
void RequireDigestsRight(const ArchiveReader& reader) {
  for (NodeId id = 0; id < reader.sidecar().node_count(); ++id) {
    const NodeInfo node = ValueOf(reader.sidecar().Node(id));
    if (node.type != EntryType::kFile || node.inode != id || node.size > uint64_t{1} << 28)
      continue;
    const auto digest = ValueOf(reader.sidecar().Digest(id));
    const auto read = test::ReadDigest(reader, node, node.size);
    if (!read) CHECK(read.error().kind == ErrorKind::kDamaged);
    if (digest) CHECK(ValueOf(read) == ToHex(*digest));
  }
}

}  // namespace

TEST_CASE("Every tar that bsdtar and GNU tar both read is the tree that they read") {
  SkipWithoutCorpus();
  size_t compared = 0;
  size_t gzips = 0;
  for (const Listed& listed : Manifest()) {
    if (listed.kind != "ok") continue;
    CAPTURE(listed.path);
    const Peeled peeled = Peel(StoredAt(listed.path));
    if (peeled.tar.size() > kMostBytes) continue;
    const auto scanned = test::ScanBytes(peeled.tar);
    REQUIRE_OK(scanned.summary);
    CHECK_FALSE(scanned.summary->damage.has_value());
    const auto explained = kUnlikeBsdtar.find(listed.path);
    const std::string expected = explained == kUnlikeBsdtar.end() ? "" : explained->second;
    const auto compare = [&](const std::string& name, std::string_view bytes) {
      CAPTURE(name);
      Dropped dropped;
      REQUIRE_OK(dropped.Index(name, bytes));
      CHECK(test::DiffFromMtree(*dropped.reader, Oracle(listed.path),
                                {.hard_links = HardLinks(scanned.entries)}) == expected);
    };
    compare("a-20221105.tar", peeled.tar);
    ++compared;
    if (peeled.gzip.empty()) continue;
    compare("a-20221105.tar.gz", peeled.gzip);
    ++gzips;
  }
  CHECK(compared > 0);
  CHECK(gzips > compared / 2);
}

TEST_CASE("Broken tars are said to be, in time, and what is read of them is right") {
  SkipWithoutCorpus();
  for (const Listed& listed : Manifest()) {
    // "gzip-only" is no tar, and "huge" is listed, but not kept.
    if (listed.kind == "ok" || !std::filesystem::exists(StoredAt(listed.path))) continue;
    CAPTURE(listed.kind, listed.path);
    const Peeled peeled = Peel(StoredAt(listed.path));
    const bool may_read = listed.kind == "readers-differ";
    const auto check = [&](const std::string& name, std::string_view bytes) {
      CAPTURE(name);
      Dropped dropped;
      const auto start = Clock::now();
      const auto indexed = dropped.Index(name, bytes);
      CHECK(Clock::now() - start < std::chrono::seconds(60));
      if (!indexed) {
        CHECK(indexed.error().kind == ErrorKind::kDamaged);
        CHECK(indexed.error().message.find(name) != std::string::npos);
        return;
      }
      CHECK(listed.kind != "gzip-only");
      CHECK((may_read || !dropped.sidecar->complete()));
      RequireDigestsRight(*dropped.reader);
    };
    check("a-20221105.tar", peeled.tar);
    // Each as it was found, in all its layers.
    check("a-20221105.tar.gz", ReadAll(StoredAt(listed.path)));
    if (!peeled.gzip.empty()) check("a-20221106.tar.gz", peeled.gzip);
  }
}

// The corpus names one such archive and does not keep it: 8 GiB and more in one file. This one is
// made as it was, with a hole as long; tars of that size without holes are for the scanner's tests.
TEST_CASE("In a file of more than 8 GiB one can seek, and what follows it is there") {
  const test::ScratchDirectory scratch;
  test::MustRunShell(
      "printf begin > sparse; truncate -s 9G sparse; printf end >> sparse; printf next > next; "
      "tar --format=gnu --sparse -czf gnu.tar.gz sparse next; "
      "tar --format=pax --sparse -cf pax.tar sparse next",
      {.input = {}, .environment = {}, .directory = scratch.path().string()});
  // Each takes seconds: a hole is digested like the zeros that it stands for.
  for (const std::string name : {"gnu.tar.gz", "pax.tar"}) {
    CAPTURE(name);
    Dropped dropped;
    REQUIRE_OK(dropped.Index("a-20221105" + name.substr(3), ReadAll(scratch / name)));
    CHECK(dropped.sidecar->complete());
    constexpr uint64_t kEnd = uint64_t{9} << 30;
    const NodeId sparse = *ValueOf(dropped.sidecar->Find("sparse"));
    CHECK(ValueOf(dropped.sidecar->Node(sparse)).size == kEnd + 3);
    const auto text = [&](NodeId file, uint64_t offset) {
      return std::string(AsText(ValueOf(dropped.reader->ReadFile(file, offset, 5)).at(0).bytes));
    };
    CHECK(text(sparse, 0) == "begin");
    CHECK(text(sparse, kEnd) == "end");
    CHECK(text(sparse, kEnd / 2) == std::string(5, '\0'));
    CHECK(ValueOf(dropped.reader->OpenFile(sparse)).SeekData(kEnd / 2).value() >= kEnd - 4096);
    CHECK(text(*ValueOf(dropped.sidecar->Find("next")), 0) == "next");
  }
}

}  // namespace orcio

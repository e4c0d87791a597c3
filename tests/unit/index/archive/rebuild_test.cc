#include "index/rebuild/rebuild.h"

#include <fstream>
#include <set>
#include <string>

#include "base/bytes.h"
#include "index/gzip/gzip_member.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::MakeTar;
using Bytes = std::vector<std::byte>;

const std::string kName = "wiki-2026-11-23T020000Z.tar.gz";

// A repository of one archive, whose sidecar was made with it.
struct WrittenArchive {
  test::ScratchDirectory scratch;
  std::filesystem::path archive = scratch / kName;
  std::filesystem::path sidecar = scratch / (kName + ".idx");
  Bytes tar;

  explicit WrittenArchive(size_t bytes = 3 << 20) : tar(MakeTar(bytes)) {
    REQUIRE_OK(test::WriteArchive(LocalFileSystem(), scratch.path(), kName, tar));
  }
  [[nodiscard]] static Bytes Read(const std::filesystem::path& path) {
    return ValueOf(ReadWholeFile(LocalFileSystem(), path, uint64_t{1} << 30));
  }
  static void Write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << AsText(bytes);
  }
  [[nodiscard]] Result<void> Rebuild(const FileSystem& files = LocalFileSystem()) const {
    RebuildOptions options;
    options.threads = 3;
    return RebuildSidecar(files, archive, sidecar, options, std::stop_token());
  }
  [[nodiscard]] std::set<std::string> Names() const {
    const auto names = ValueOf(LocalFileSystem().List(scratch.path()));
    return {names.begin(), names.end()};
  }
  // Requires that `bytes` in place of the archive are refused so, and the sidecar left alone.
  void RequireRefused(ErrorKind kind, std::span<const std::byte> bytes) const {
    const auto before = Read(sidecar);
    Write(archive, bytes);
    const auto rebuilt = Rebuild();
    REQUIRE_FALSE(rebuilt);
    INFO(rebuilt.error().message);
    CHECK(rebuilt.error().kind == kind);
    CHECK(rebuilt.error().message.find(archive.string()) == 0);
    CHECK(Read(sidecar) == before);
    CHECK(Names() == std::set<std::string>{kName, kName + ".idx"});
  }
};

std::vector<MemberHeader> Headers(std::span<const std::byte> archive) {
  std::vector<MemberHeader> headers;
  while (!archive.empty()) {
    headers.push_back(ValueOf(ParseMemberHeader(archive)));
    archive = archive.subspan(headers.back().member_bytes);
  }
  return headers;
}

Bytes Without(const Bytes& bytes, size_t at, size_t count) {
  Bytes rest(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(at));
  rest.insert(rest.end(), bytes.begin() + static_cast<ptrdiff_t>(at + count), bytes.end());
  return rest;
}

}  // namespace

TEST_CASE("A rebuilt sidecar is the one that was made with the archive") {
  const WrittenArchive written(5 << 20);
  const auto made = written.Read(written.sidecar);
  std::filesystem::remove(written.sidecar);
  REQUIRE_OK(written.Rebuild());
  CHECK(written.Read(written.sidecar) == made);
  CHECK(written.Names() == std::set<std::string>{kName, kName + ".idx"});
}

TEST_CASE("A rebuilt sidecar differs from the run's own in the facts alone") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(1 << 20);
  const auto writer = ValueOf(ArchiveWriter::Create(LocalFileSystem(), scratch.path(), kName));
  REQUIRE_OK(test::Push(*writer, tar));
  REQUIRE_OK(writer->Finish());
  RunFacts facts;
  facts.host = "atena";
  REQUIRE_OK(writer->Describe(facts));
  REQUIRE_OK(writer->Publish());
  const auto rebuilt = scratch / "rebuilt.idx";
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), scratch / kName, rebuilt, {}, {}));
  const auto before = ValueOf(Sidecar::Open(LocalFileSystem(), scratch / (kName + ".idx")));
  const auto after = ValueOf(Sidecar::Open(LocalFileSystem(), rebuilt));
  CHECK(ValueOf(before->facts()).host == "atena");
  CHECK(ValueOf(after->facts()) == RebuiltFacts());
  CHECK(after->archive() == before->archive());
  CHECK(after->node_count() == before->node_count());
}

TEST_CASE("What the old sidecar knew of the run is in the one that takes its place") {
  const test::ScratchDirectory scratch;
  const auto archive = scratch / kName;
  const auto sidecar = scratch / (kName + ".idx");
  const auto writer = ValueOf(ArchiveWriter::Create(LocalFileSystem(), scratch.path(), kName));
  REQUIRE_OK(test::Push(*writer, MakeTar(1 << 20)));
  REQUIRE_OK(writer->Finish());
  RunFacts facts;
  facts.service = "wiki";
  facts.shrunk_from = ArchiveSize{uint64_t{52} << 20, 4711};
  facts.size_accepted = true;
  REQUIRE_OK(writer->Describe(facts));
  REQUIRE_OK(writer->Publish());
  const auto made = WrittenArchive::Read(sidecar);
  const auto kept = [&] { return KeptFacts(LocalFileSystem(), archive, sidecar); };
  SECTION("as it was") {
    RebuildOptions options;
    options.facts = kept();
    REQUIRE(options.facts.has_value());
    REQUIRE_OK(RebuildSidecar(LocalFileSystem(), archive, sidecar, options, {}));
    CHECK(WrittenArchive::Read(sidecar) == made);
    CHECK(ValueOf(ValueOf(Sidecar::Open(LocalFileSystem(), sidecar))->facts()) == facts);
  }
  SECTION("nothing, of another archive") {
    std::ofstream(archive, std::ios::app) << 'x';
    CHECK_FALSE(kept().has_value());
  }
  SECTION("nothing, where it is damaged there") {
    auto damaged = made;
    const size_t at = AsText(made).find("shrunk_from");
    REQUIRE(at != std::string_view::npos);
    damaged[at] ^= std::byte{1};
    WrittenArchive::Write(sidecar, damaged);
    CHECK_FALSE(kept().has_value());
  }
  SECTION("nothing, where it was made without a run") {
    REQUIRE_OK(RebuildSidecar(LocalFileSystem(), archive, sidecar, {}, {}));
    CHECK_FALSE(kept().has_value());
    std::filesystem::remove(sidecar);
    CHECK_FALSE(kept().has_value());
  }
}

TEST_CASE("A rebuild replaces a damaged sidecar") {
  const WrittenArchive written;
  const auto made = written.Read(written.sidecar);
  written.Write(written.sidecar, AsBytes("garbage"));
  REQUIRE_OK(written.Rebuild());
  CHECK(written.Read(written.sidecar) == made);
}

TEST_CASE("A rebuild leaves the part file of another one alone") {
  const WrittenArchive written;
  const auto made = written.Read(written.sidecar);
  const auto part = written.scratch / ("." + kName + ".idx.part");
  {
    const auto others = ValueOf(LocalFileSystem().Create(part));
    REQUIRE_OK(others->Append(AsBytes("another's")));
    REQUIRE_OK(written.Rebuild());
    CHECK(AsText(written.Read(part)) == "another's");
  }
  CHECK(written.Read(written.sidecar) == made);
  // It was killed. Of those that are, there are never more than one.
  REQUIRE_OK(written.Rebuild());
  CHECK(written.Names() == std::set<std::string>{kName, kName + ".idx"});
}

TEST_CASE(
    "Where no sidecar can be made, not a byte of the archive is decoded before that is said") {
  // It was decoded to its end first: hours, for an archive of tens of GiB.
  const WrittenArchive written(4 << 20);
  std::filesystem::remove(written.sidecar);
  test::FailingFiles files(LocalFileSystem());
  files.FailAt(2, EROFS);  // opening the archive comes first
  RebuildOptions options;
  bool decoded = false;
  options.progress = [&](uint64_t, uint64_t) { decoded = true; };
  const auto rebuilt = RebuildSidecar(files, written.archive, written.sidecar, options, {});
  REQUIRE_FALSE(rebuilt);
  CHECK_FALSE(decoded);
  CHECK(rebuilt.error().errnum == EROFS);
  CHECK(rebuilt.error().message.find(written.archive.string()) != std::string::npos);
  CHECK(rebuilt.error().message.find("--index-dir") != std::string::npos);
}

TEST_CASE("Where the disk is full or a quota is used up it is said what to do for the index") {
  const WrittenArchive written(4 << 20);
  for (const int errnum : {ENOSPC, EDQUOT}) {
    test::FailingFiles files(LocalFileSystem());
    // From making the file to giving it its name.
    size_t said = 0;
    for (size_t call = 2; call == 2 || files.failed(); ++call) {
      CAPTURE(errnum, call);
      std::filesystem::remove(written.sidecar);
      files.FailAt(call, errnum);
      const auto rebuilt = RebuildSidecar(files, written.archive, written.sidecar, {}, {});
      if (rebuilt || std::filesystem::exists(written.sidecar)) continue;  // which is in its place
      const std::string& message = rebuilt.error().message;
      CHECK(rebuilt.error().errnum == errnum);
      CHECK(message.find(written.archive.string() + ": its index cannot be made: ") == 0);
      CHECK(message.find("free space there, or name another directory for indexes with "
                         "--index-dir") != std::string::npos);
      ++said;
    }
    CHECK(said >= 4);  // making, writing, flushing and naming it
  }
}

TEST_CASE("A rebuild tells its progress up to the archive's last span") {
  const WrittenArchive written;
  RebuildOptions options;
  uint64_t last = 0, total = 0;
  options.progress = [&](uint64_t done, uint64_t of) {
    CHECK(done > last);
    last = done;
    total = of;
  };
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), written.archive, written.sidecar, options, {}));
  CHECK(total == written.Read(written.archive).size());
  CHECK(last == total - EncodeEndMember(0).size());
}

TEST_CASE("A cancelled rebuild leaves the old sidecar") {
  const WrittenArchive written(20 << 20);
  const auto made = written.Read(written.sidecar);
  std::stop_source stop;
  RebuildOptions options;
  options.progress = [&](uint64_t, uint64_t) { stop.request_stop(); };
  const auto rebuilt = RebuildSidecar(LocalFileSystem(), written.archive, written.sidecar, options,
                                      stop.get_token());
  REQUIRE_FALSE(rebuilt);
  CHECK(rebuilt.error().kind == ErrorKind::kCancelled);
  CHECK(written.Read(written.sidecar) == made);
  CHECK(written.Names() == std::set<std::string>{kName, kName + ".idx"});
}

TEST_CASE("An archive cut between members is never complete, though gzip and tar accept it") {
  const WrittenArchive written;
  const auto archive = written.Read(written.archive);
  const auto headers = Headers(archive);
  size_t offset = 0;
  for (const auto& header : headers) {
    const auto cut = std::span(archive).first(offset);
    if (offset == 0) {
      written.RequireRefused(ErrorKind::kDamaged, cut);
    } else {
      written.Write(written.archive, cut);
      REQUIRE_OK(written.Rebuild());
      CHECK_FALSE(ValueOf(Sidecar::Open(LocalFileSystem(), written.sidecar))->complete());
    }
    offset += header.member_bytes;
  }
  written.Write(written.archive, std::span(archive).first(headers[0].member_bytes));
  CHECK(test::RunCommand({"gzip", "-t", written.archive.string()}).status == 0);
}

TEST_CASE("An archive that lacks a member in the middle is refused") {
  const WrittenArchive written;
  const auto archive = written.Read(written.archive);
  const auto headers = Headers(archive);
  REQUIRE(headers.size() > 3);
  written.RequireRefused(ErrorKind::kDamaged,
                         Without(archive, headers[0].member_bytes, headers[1].member_bytes));
}

TEST_CASE("An empty file is refused") {
  const WrittenArchive written(1 << 20);
  written.RequireRefused(ErrorKind::kDamaged, {});
}

TEST_CASE("Whichever call to the file system fails, the old sidecar or the new one stays whole") {
  const WrittenArchive written(1 << 20);
  const auto made = written.Read(written.sidecar);
  test::FailingFiles files(LocalFileSystem());
  REQUIRE_OK(written.Rebuild(files));
  const size_t calls = files.calls();
  // The last one takes away what interrupted indexing may have left, and changes nothing else.
  for (size_t call = 1; call < calls; ++call) {
    CAPTURE(call);
    files.FailAt(call);
    const auto rebuilt = written.Rebuild(files);
    REQUIRE_FALSE(rebuilt);
    CHECK(rebuilt.error().errnum == ENOSPC);
    CHECK(written.Read(written.sidecar) == made);
    CHECK(written.Names() == std::set<std::string>{kName, kName + ".idx"});
  }
}

}  // namespace orcio

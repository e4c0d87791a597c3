#include "index/archive/write/archive_writer.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

#include "base/bytes.h"
#include "index/gzip/gzip_member.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::MakeTar;
using test::Push;
using test::WriteArchive;
using Bytes = std::vector<std::byte>;

const std::string kName = "wiki-2026-11-23T020000Z.tar.gz";
constexpr size_t kMiB = 1 << 20;

std::set<std::string> Names(const std::filesystem::path& directory) {
  const auto names = ValueOf(LocalFileSystem().List(directory));
  return {names.begin(), names.end()};
}

std::unique_ptr<ArchiveWriter> MakeWriter(const FileSystem& files,
                                          const std::filesystem::path& directory,
                                          const ArchiveWriterOptions& options = {}) {
  return ValueOf(ArchiveWriter::Create(files, directory, kName, options));
}

Bytes ReadAll(const std::filesystem::path& path) {
  return ValueOf(ReadWholeFile(LocalFileSystem(), path, uint64_t{1} << 30));
}

ArchiveWriterOptions Options(unsigned threads, uint64_t max_bytes_in_flight) {
  ArchiveWriterOptions options;
  options.threads = threads;
  options.max_bytes_in_flight = max_bytes_in_flight;
  return options;
}

}  // namespace

TEST_CASE("An archive is a gzip file of the tar, and its sidecar says what is in it") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(5 * kMiB);
  REQUIRE_OK(WriteArchive(LocalFileSystem(), scratch.path(), kName, tar));
  CHECK(Names(scratch.path()) == std::set<std::string>{kName, kName + ".idx"});
  CHECK(test::MustRun({"gzip", "-dc", (scratch / kName).string()}) == AsText(tar));
  CHECK(test::RunCommand({"tar", "-tzf", (scratch / kName).string()}).status == 0);

  const auto sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), scratch / (kName + ".idx")));
  CHECK(sidecar->complete());
  CHECK(sidecar->tar_bytes() == tar.size());
  const auto archive = ValueOf(LocalFileSystem().OpenRead(scratch / kName));
  REQUIRE_OK(sidecar->CheckBelongsTo(*archive));
  CHECK(sidecar->archive().bytes == archive->size());
  CHECK(sidecar->archive().sha256 == Sha256::Of(ReadAll(scratch / kName)));
  CHECK(ValueOf(sidecar->Find("srv/wiki/file0")).has_value());
}

TEST_CASE("The sidecar's spans are the archive's members") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(3 * kMiB);
  REQUIRE_OK(WriteArchive(LocalFileSystem(), scratch.path(), kName, tar));
  const auto sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), scratch / (kName + ".idx")));
  const auto archive = ReadAll(scratch / kName);
  Bytes decoded;
  MemberDecoder decoder;
  uint64_t archive_offset = 0;
  for (uint64_t i = 0; i < sidecar->span_count(); ++i) {
    const auto span = ValueOf(sidecar->SpanAt(i));
    CHECK(span.tar_offset == decoded.size());
    CHECK(span.archive_offset == archive_offset);
    CHECK((span.tar_bytes == kMemberTarBytes || i + 1 == sidecar->span_count()));
    Bytes into(span.tar_bytes);
    const auto member = std::span(archive).subspan(archive_offset, span.archive_bytes);
    CHECK(ValueOf(decoder.Decode(member, into, "span")) == span.crc32);
    decoded.insert(decoded.end(), into.begin(), into.end());
    archive_offset += span.archive_bytes;
  }
  CHECK(decoded == tar);
  const auto end = ValueOf(ParseMemberHeader(std::span(archive).subspan(archive_offset)));
  CHECK(end.is_end);
  CHECK(end.total_tar_bytes == tar.size());
  CHECK(archive_offset + end.member_bytes == archive.size());
}

TEST_CASE("Threads, buffers and the size of pieces change no byte of an archive or sidecar") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(4 * kMiB);
  REQUIRE_OK(WriteArchive(LocalFileSystem(), scratch.path(), "one", tar, Options(1, 0)));
  REQUIRE_OK(WriteArchive(LocalFileSystem(), scratch.path(), "many", tar, Options(7, 64 * kMiB)));
  CHECK(ReadAll(scratch / "one") == ReadAll(scratch / "many"));
  CHECK(ReadAll(scratch / "one.idx") == ReadAll(scratch / "many.idx"));

  const auto writer = MakeWriter(LocalFileSystem(), scratch.path(), Options(2, 0));
  REQUIRE_OK(Push(*writer, tar, 1000));
  REQUIRE_OK(writer->Finish());
  REQUIRE_OK(writer->Describe(RebuiltFacts()));
  REQUIRE_OK(writer->Publish());
  CHECK(ReadAll(scratch / kName) == ReadAll(scratch / "one"));
  CHECK(ReadAll(scratch / (kName + ".idx")) == ReadAll(scratch / "one.idx"));
}

TEST_CASE("The writer counts what it received and what it wrote") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(2 * kMiB);
  const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
  REQUIRE_OK(Push(*writer, std::span(tar).first(1000)));
  CHECK(writer->tar_bytes() == 1000);
  REQUIRE_OK(Push(*writer, std::span(tar).subspan(1000)));
  const TarSummary* summary = ValueOf(writer->Finish());
  CHECK(summary->end_marker);
  CHECK(summary->tar_bytes == tar.size());
  CHECK(writer->tar_bytes() == tar.size());
  CHECK(writer->archive_bytes() == ReadAll(scratch / ("." + kName + ".part")).size());
}

TEST_CASE("Buffer gives the same room until something is committed") {
  const test::ScratchDirectory scratch;
  const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
  const auto first = ValueOf(writer->Buffer());
  REQUIRE_OK(writer->Commit(0));
  CHECK(ValueOf(writer->Buffer()).data() == first.data());
  CHECK(first.size() == kMemberTarBytes);
  REQUIRE_OK(writer->Commit(10));
  CHECK(ValueOf(writer->Buffer()).data() == first.data() + 10);
  CHECK(writer->Commit(kMemberTarBytes).error().kind == ErrorKind::kInvalid);
}

TEST_CASE("What is not published leaves nothing behind") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(kMiB);
  for (int steps = 0; steps < 4; ++steps) {
    const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
    CHECK(Names(scratch.path()).contains("." + kName + ".part"));
    if (steps > 0) REQUIRE_OK(Push(*writer, tar));
    if (steps > 1) REQUIRE_OK(writer->Finish());
    if (steps > 2) REQUIRE_OK(writer->Describe({}));
    CHECK(Names(scratch.path()).size() == (steps > 2 ? 2 : 1));
  }
  CHECK(Names(scratch.path()).empty());
}

TEST_CASE("A tar cut at any place cannot be published") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(kMiB);
  const size_t end_marker = tar.size() / 512 * 512 - 20 * 512;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{512}, size_t{700}, kMemberTarBytes,
                            2 * kMemberTarBytes, end_marker}) {
    CAPTURE(size);
    const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
    auto pushed = Push(*writer, std::span(tar).first(size));
    const auto finished = writer->Finish();
    REQUIRE_FALSE(finished);
    INFO(finished.error().message);
    CHECK(finished.error().kind == ErrorKind::kDamaged);
    CHECK(finished.error().message.find(kName) == 0);
    CHECK(writer->Describe({}).error().kind == ErrorKind::kInvalid);
    CHECK_FALSE(writer->Publish());
  }
  CHECK(Names(scratch.path()).empty());
}

TEST_CASE("Headers that make no sense stop whoever pushes, wherever they come") {
  const test::ScratchDirectory scratch;
  Bytes tar = MakeTar(2 * kMiB);
  for (size_t i = 0; i < 512; ++i) tar[512 + i] = std::byte{'x'};
  const auto writer = MakeWriter(LocalFileSystem(), scratch.path(), Options(2, 0));
  // More than all buffers hold: without the error this would wait for ever.
  Result<void> pushed;
  for (int i = 0; i < 100 && pushed; ++i) pushed = Push(*writer, tar);
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().kind == ErrorKind::kDamaged);
  CHECK(writer->Buffer().error().kind == ErrorKind::kDamaged);
  CHECK(writer->Finish().error().kind == ErrorKind::kDamaged);
}

TEST_CASE("Whichever call to the file system fails, its error comes out and nothing stays") {
  const test::ScratchDirectory scratch;
  const auto tar = MakeTar(3 * kMiB);
  test::FailingFiles files(LocalFileSystem());
  REQUIRE_OK(WriteArchive(files, scratch.path(), "whole", tar, Options(2, 0)));
  const size_t calls = files.calls();
  CHECK(calls > 15);
  for (size_t call = 1; call <= calls; ++call) {
    CAPTURE(call);
    files.FailAt(call);
    const auto written = WriteArchive(files, scratch.path(), kName, tar, Options(2, 0));
    REQUIRE(files.failed());
    REQUIRE_FALSE(written);
    CHECK(written.error().errnum == ENOSPC);
    CHECK(Names(scratch.path()) == std::set<std::string>{"whole", "whole.idx"});
  }
}

TEST_CASE("An archive that exists is never replaced") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / kName) << "old";
  const auto written = WriteArchive(LocalFileSystem(), scratch.path(), kName, MakeTar(kMiB));
  REQUIRE_FALSE(written);
  CHECK(written.error().errnum == EEXIST);
  CHECK(AsText(ReadAll(scratch / kName)) == "old");
  CHECK(Names(scratch.path()) == std::set<std::string>{kName});
}

TEST_CASE("A sidecar that exists is never replaced by a new archive's") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / (kName + ".idx")) << "old";
  CHECK_FALSE(WriteArchive(LocalFileSystem(), scratch.path(), kName, MakeTar(kMiB)));
  CHECK(AsText(ReadAll(scratch / (kName + ".idx"))) == "old");
  CHECK(Names(scratch.path()) == std::set<std::string>{kName + ".idx"});
}

TEST_CASE("Two writers do not share a part file") {
  const test::ScratchDirectory scratch;
  const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
  const auto second = ArchiveWriter::Create(LocalFileSystem(), scratch.path(), kName);
  REQUIRE_FALSE(second);
  CHECK(second.error().errnum == EEXIST);
  REQUIRE_OK(Push(*writer, MakeTar(kMiB)));
  REQUIRE_OK(writer->Finish());
}

TEST_CASE("Steps out of order are refused") {
  const test::ScratchDirectory scratch;
  const auto writer = MakeWriter(LocalFileSystem(), scratch.path());
  CHECK(writer->Describe({}).error().kind == ErrorKind::kInvalid);
  CHECK(writer->Publish().error().kind == ErrorKind::kInvalid);
  const auto tar = MakeTar(kMiB);
  REQUIRE_OK(Push(*writer, tar));
  REQUIRE_OK(writer->Finish());
  REQUIRE_OK(writer->Finish());
  CHECK(Push(*writer, tar).error().kind == ErrorKind::kInvalid);
  REQUIRE_OK(writer->Describe({}));
  CHECK(writer->Describe({}).error().kind == ErrorKind::kInvalid);
}

}  // namespace orcio

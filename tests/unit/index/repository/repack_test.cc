#include "index/upkeep/repack.h"

#include <fstream>
#include <set>

#include "base/bytes.h"
#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using Bytes = std::vector<std::byte>;
using test::MakeTar;

constexpr size_t kTarBytes = size_t{1} << 20;
const std::string kRepacked = "old-2019-11-05.tar.gz";

struct Repository {
  test::ScratchDirectory scratch;

  std::filesystem::path Put(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream(scratch / name, std::ios::binary) << AsText(bytes);
    return scratch / name;
  }
  [[nodiscard]] std::set<std::string> Names() const {
    const auto names = ValueOf(LocalFileSystem().List(scratch.path()));
    return {names.begin(), names.end()};
  }
  [[nodiscard]] Bytes Read(const std::string& name) const {
    return ValueOf(ReadWholeFile(LocalFileSystem(), scratch / name, uint64_t{1} << 30));
  }
  static Result<Repacked> Repack(const std::filesystem::path& archive,
                                 const FileSystem& files = LocalFileSystem()) {
    return RepackArchive(files, archive, archive.string() + ".idx", {.threads = 2, .progress = {}},
                         {});
  }
  // Requires that the repacked archive is the only one, and holds `tar`.
  void CheckHolds(const std::string& name, const Bytes& tar) const {
    CHECK(Names() == std::set<std::string>{name, name + ".idx"});
    SpanCache cache(1 << 20);
    const auto reader = ValueOf(ArchiveReader::Open(
        LocalFileSystem(), scratch / name,
        ValueOf(Sidecar::Open(LocalFileSystem(), scratch / (name + ".idx"))), cache));
    CHECK(reader->sidecar().complete());
    Bytes read;
    for (const Slice& slice : ValueOf(reader->ReadTar(0, SIZE_MAX)))
      read.insert(read.end(), slice.bytes.begin(), slice.bytes.end());
    CHECK(read == tar);
  }
};

Bytes Compressed(const Repository& repository, const std::string& program, const Bytes& tar) {
  const auto path = repository.Put("tar", tar);
  const std::string packed = test::MustRun({program, "-c", path.string()});
  std::filesystem::remove(path);
  const auto bytes = AsBytes(packed);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("A plain tar becomes an archive of the name it was listed under") {
  const Repository repository;
  const Bytes tar = MakeTar(kTarBytes);
  const auto original = repository.Put("old-20191105.tar", tar);
  repository.Put(".old-20191105.tar.idx.resume", {});
  const auto repacked = ValueOf(Repository::Repack(original));
  CHECK(repacked.archive.filename() == kRepacked);
  CHECK(repacked.bytes_before == tar.size());
  CHECK(repacked.tar_bytes == tar.size());
  CHECK(repacked.tar_sha256 == Sha256::Of(tar));
  repository.CheckHolds(kRepacked, tar);
  CHECK(repository.Read(kRepacked).size() == repacked.bytes_after);
}

TEST_CASE("A tar in another compression becomes an archive, too") {
  const Repository repository;
  const Bytes tar = MakeTar(kTarBytes);
  const auto [program, ending] = GENERATE(table<std::string, std::string>(
      {{"xz", ".tar.xz"}, {"bzip2", ".tar.bz2"}, {"zstd", ".tar.zst"}, {"lz4", ".tar.lz4"}}));
  if (test::RunCommand({"which", program}).status != 0) {
    if (test::MustHaveAll()) FAIL("this test needs " + program);
    WARN("this test needs " + program);
    return;
  }
  CAPTURE(program);
  REQUIRE_OK(Repository::Repack(
      repository.Put("old-20191105" + ending, Compressed(repository, program, tar))));
  repository.CheckHolds(kRepacked, tar);
}

TEST_CASE("An archive that is orcio's already is left alone") {
  const Repository repository;
  const Bytes tar = MakeTar(kTarBytes);
  REQUIRE_OK(test::WriteArchive(LocalFileSystem(), repository.scratch.path(), kRepacked, tar));
  const Bytes before = repository.Read(kRepacked);
  CHECK(ValueOf(Repository::Repack(repository.scratch / kRepacked)).was_ours);
  CHECK(repository.Read(kRepacked) == before);
}

TEST_CASE("A tar that is damaged or not whole is never repacked, and stays as it is") {
  const Repository repository;
  Bytes tar = MakeTar(kTarBytes);
  SECTION("cut short") {
    tar.resize(tar.size() / 2);
  }
  SECTION("a damaged header") {
    tar[0] = std::byte{'?'};
  }
  SECTION("no end") {
    while (tar.back() == std::byte{0}) tar.pop_back();
    tar.resize((tar.size() + 511) / 512 * 512);
  }
  SECTION("no tar") {
    tar.assign(5000, std::byte{'x'});
  }
  SECTION("nothing") {
    tar.clear();
  }
  SECTION("damaged in its own compression") {
    tar = Compressed(repository, "xz", tar);
    tar[tar.size() / 2] ^= std::byte{1};
  }
  const auto repacked = Repository::Repack(repository.Put("old-20191105.tar", tar));
  REQUIRE_FALSE(repacked.has_value());
  CHECK(repacked.error().kind == ErrorKind::kDamaged);
  CHECK(repository.Names() == std::set<std::string>{"old-20191105.tar"});
  CHECK(repository.Read("old-20191105.tar") == tar);
}

TEST_CASE("What has the new name already is not replaced by another archive") {
  const Repository repository;
  const Bytes tar = MakeTar(kTarBytes);
  repository.Put(kRepacked, AsBytes("another"));
  const auto archive = repository.Put("old-20191105.tar", tar);
  const auto repacked = Repository::Repack(archive);
  REQUIRE_FALSE(repacked.has_value());
  CHECK(repacked.error().message.find(kRepacked) != std::string::npos);
  CHECK(repository.Names() == std::set<std::string>{kRepacked, "old-20191105.tar"});
  CHECK(AsText(repository.Read(kRepacked)) == "another");
}

TEST_CASE("An archive of the right name is replaced in place") {
  const Repository repository;
  const Bytes tar = MakeTar(kTarBytes);
  // A plain tar, whatever it is called.
  REQUIRE_OK(Repository::Repack(repository.Put(kRepacked, tar)));
  repository.CheckHolds(kRepacked, tar);
}

TEST_CASE("Whatever fails while repacking, the tar is there") {
  const Bytes tar = MakeTar(kTarBytes);
  const std::string name = GENERATE(std::string("old-20191105.tar"), std::string(kRepacked));
  size_t calls = 0;
  {
    const Repository repository;
    test::FailingFiles files(LocalFileSystem());
    REQUIRE_OK(Repository::Repack(repository.Put(name, tar), files));
    calls = files.calls();
  }
  CHECK(calls > 10);
  for (size_t call = 1; call <= calls; ++call) {
    CAPTURE(name, call);
    const Repository repository;
    const auto archive = repository.Put(name, tar);
    test::FailingFiles files(LocalFileSystem());
    files.FailAt(call);
    const auto repacked = Repository::Repack(archive, files);
    REQUIRE(files.failed());
    CHECK_FALSE(repacked.has_value());
    // The original, or a whole archive of it.
    if (std::filesystem::exists(archive) && repository.Read(name) == tar) continue;
    REQUIRE(repository.Names().count(kRepacked) == 1);
    CHECK(ValueOf(Repository::Repack(repository.scratch / kRepacked)).was_ours);
    repository.CheckHolds(kRepacked, tar);
  }
}

TEST_CASE("Archives keep service and date of the name they have") {
  CHECK(RepackedName("wiki-20221105.tgz", 0) == "wiki-2022-11-05.tar.gz");
  CHECK(RepackedName("wiki-202211050300.tar", 0) == "wiki-2022-11-05T0300.tar.gz");
  CHECK(RepackedName("wiki-2026-11-23T020000Z.tar.gz", 0) == "wiki-2026-11-23T020000Z.tar.gz");
  CHECK(RepackedName("my-web-2022-11-05_03-00-00.tar.xz", 0) == "my-web-2022-11-05T030000.tar.gz");
  CHECK(RepackedName("disk.tar.zst", 1'700'000'000) == "disk-2023-11-14T221320Z.tar.gz");
  CHECK_FALSE(RepackedName("notes.txt", 0).has_value());
  CHECK_FALSE(RepackedName("wiki-20221105.tar.gz.idx", 0).has_value());
}

}  // namespace orcio

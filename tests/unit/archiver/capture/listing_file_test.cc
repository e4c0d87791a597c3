#include "archiver/listing/listing_file.h"

#include <fstream>

#include "index/repository/listing_path.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

struct Entry {
  std::string path;
  HostFile file;
  uint64_t tar_bytes = 0;
  bool steady = false;
};

std::vector<Entry> Entries() {
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < 3000; ++i) {
    HostFile file{EntryType::kFile,
                  0644,
                  1000 + i % 3,
                  i % 5,
                  1 + i % 2,
                  uint64_t{i} * i,
                  64512,
                  1'000'000 - i,
                  int64_t{1'700'000'000'000'000'000} + i,
                  -int64_t{i} * 7};
    if (i % 10 == 0) file.type = EntryType::kDirectory;
    entries.push_back({"srv/wiki/d" + std::to_string(i / 7) + "/\n\xff" + std::to_string(i), file,
                       512 + i % 9 * 512, i % 3 == 0});
  }
  entries[5].file.ctime_ns = INT64_MIN;
  entries[6].file.mtime_ns = INT64_MAX;
  entries[7].file.inode = UINT64_MAX;
  return entries;
}

Result<void> Write(const FileSystem& files, const std::filesystem::path& archive,
                   const std::vector<Entry>& entries) {
  ListingFacts facts;
  facts.archive_sha256[3] = std::byte{7};
  facts.tar = "tar (GNU tar) 1.34";
  facts.runs_since_full = 5;
  facts.entries = entries.size();
  return WriteListing(files, archive, facts, [&](const TakeListedEntry& take) -> Result<void> {
    for (const Entry& each : entries)
      ORCIO_TRY(take({each.path, each.file, each.tar_bytes, each.steady}));
    return {};
  });
}

Result<std::vector<Entry>> Read(const std::filesystem::path& archive) {
  std::vector<Entry> entries;
  const auto facts = ORCIO_TRY(
      ReadListing(LocalFileSystem(), archive, [&](const ListedEntry& entry) -> Result<void> {
        entries.push_back({std::string(entry.path), entry.file, entry.tar_bytes, entry.steady});
        return {};
      }));
  CHECK(facts.archive_sha256[3] == std::byte{7});
  CHECK(facts.tar == "tar (GNU tar) 1.34");
  CHECK(facts.runs_since_full == 5);
  return entries;
}

const std::string kArchiveName = "wiki-2026-11-23T020000Z.tar.gz";

}  // namespace

TEST_CASE("A listing comes back as it was written") {
  const test::ScratchDirectory scratch;
  const auto archive = scratch / kArchiveName;
  const auto entries = Entries();
  REQUIRE_OK(Write(LocalFileSystem(), archive, entries));
  const auto read = ValueOf(Read(archive));
  REQUIRE(read.size() == entries.size());
  for (size_t i = 0; i < read.size(); ++i) {
    INFO(i);
    REQUIRE(read[i].path == entries[i].path);
    REQUIRE(IsUnchanged(read[i].file, entries[i].file));
    REQUIRE(read[i].file.device == entries[i].file.device);
    REQUIRE(read[i].tar_bytes == entries[i].tar_bytes);
    REQUIRE(read[i].steady == entries[i].steady);
  }
  // What a million entries cost: 20 bytes each.
  CHECK(std::filesystem::file_size(ListingPath(archive)) < entries.size() * 20);
}

TEST_CASE("A listing that is cut short or has a byte flipped anywhere is noticed") {
  const test::ScratchDirectory scratch;
  const auto archive = scratch / kArchiveName;
  auto entries = Entries();
  entries.resize(40);
  REQUIRE_OK(Write(LocalFileSystem(), archive, entries));
  const auto path = ListingPath(archive);
  const auto size = std::filesystem::file_size(path);
  for (uint64_t at = 0; at < size; ++at) {
    INFO(at);
    test::FlipByte(path, at);
    const auto read = Read(archive);
    REQUIRE_FALSE(read);
    REQUIRE(read.error().kind == ErrorKind::kDamaged);
    test::FlipByte(path, at);
  }
  REQUIRE_OK(Read(archive));
  for (uint64_t cut = size; cut-- > 0;) {
    INFO(cut);
    std::filesystem::resize_file(path, cut);
    const auto read = Read(archive);
    REQUIRE_FALSE(read);
    REQUIRE(read.error().kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("A listing that cannot be written leaves the one before, whichever call fails") {
  const test::ScratchDirectory scratch;
  const auto archive = scratch / kArchiveName;
  auto entries = Entries();
  REQUIRE_OK(Write(LocalFileSystem(), archive, entries));
  entries.resize(10);
  for (size_t fails = 1;; ++fails) {
    test::FailingFiles files(LocalFileSystem());
    files.FailAt(fails);
    const auto written = Write(files, archive, entries);
    if (written) break;
    INFO(fails << ": " << written.error().message);
    const auto left = ValueOf(Read(archive));
    CHECK((left.size() == 3000 || left.size() == 10));
    size_t names = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(scratch.path()))
      ++names;
    CHECK(names == 1);
    REQUIRE_OK(Write(LocalFileSystem(), archive, Entries()));
  }
  CHECK(ValueOf(Read(archive)).size() == 10);
}

}  // namespace orcio

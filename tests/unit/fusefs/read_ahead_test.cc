#include "fusefs/archives/read_ahead.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "fusefs/archives/read_pattern.h"
#include "fusefs/tree/namespace.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using Range = ReadPattern::Range;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

// A repository with one file of 8 MiB that does not compress.
class LargeFile {
 public:
  static constexpr uint64_t kBytes = 8 * kMiB;

  LargeFile() {
    std::filesystem::create_directories(scratch_ / "tree");
    std::filesystem::create_directories(scratch_ / "repository");
    std::ofstream(scratch_ / "tree/file", std::ios::binary) << test::Noise(kBytes, 1);
    test::MakeArchive(scratch_ / "repository/wiki-2026-11-23T020000Z.tar.gz",
                      test::TarOf(scratch_ / "tree"));
    Namespace::Options options;
    options.read_ahead_threads = 2;
    tree_ = ValueOf(Namespace::Open(Repository(LocalFileSystem(), scratch_ / "repository"), cache,
                                    std::move(options)));
    auto at = ValueOf(tree_->Stat(Namespace::kRoot));
    for (const char* name : {"wiki", "2026-11-23T020000Z", "file"})
      at = *ValueOf(tree_->Lookup(at.inode, name));
    file_ = ValueOf(tree_->OpenFile(at.inode));
  }

  void Read(uint64_t offset, uint64_t size) { (void)ValueOf(file_->Read(offset, size)); }

  SpanCache cache{64 * kMiB};

 private:
  test::ScratchDirectory scratch_;
  std::unique_ptr<Namespace> tree_;
  std::shared_ptr<const Namespace::File> file_;
};

}  // namespace

TEST_CASE("A file read from front to back is decoded ahead, never more than has been read") {
  ReadPattern pattern(4 * kMiB, 100 * kMiB);
  uint64_t ahead = 0;
  for (uint64_t at = 0; at < 20 * kMiB; at += 64 * kKiB) {
    const auto range = pattern.Next(at, 64 * kKiB);
    const uint64_t read = at + 64 * kKiB;
    if (!range) continue;
    INFO(at);
    CHECK(range->offset == std::max(ahead, read));  // nothing twice, nothing left out
    ahead = range->offset + range->size;
    CHECK(ahead <= 2 * read);
    CHECK(ahead <= read + 4 * kMiB);
  }
  CHECK(ahead > 20 * kMiB + 3 * kMiB);
}

TEST_CASE("Reads that come a little out of order are still in sequence") {
  ReadPattern pattern(4 * kMiB, 100 * kMiB);
  uint64_t ahead = 0;
  for (uint64_t at = 0; at < 8 * kMiB; at += 512 * kKiB) {
    for (const uint64_t offset : {at + 256 * kKiB, at}) {
      if (const auto range = pattern.Next(offset, 256 * kKiB)) ahead = range->offset + range->size;
    }
  }
  CHECK(ahead >= 11 * kMiB);
}

TEST_CASE("Nothing is decoded ahead of the end of a file, and its end is not forgotten") {
  ReadPattern pattern(4 * kMiB, 5 * kMiB + 7);
  uint64_t ahead = 0;
  for (uint64_t at = 0; at < 5 * kMiB; at += 256 * kKiB) {
    if (const auto range = pattern.Next(at, 256 * kKiB)) ahead = range->offset + range->size;
  }
  CHECK(ahead == 5 * kMiB + 7);
  CHECK(pattern.Next(5 * kMiB, 7) == std::nullopt);
}

TEST_CASE("Small reads here and there, and short runs, set off nothing") {
  ReadPattern pattern(4 * kMiB, 1000 * kMiB);
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i)
    REQUIRE(pattern.Next(random() % (1000 * kMiB), 4 * kKiB) == std::nullopt);
  // 256 KiB in a row, again and again.
  for (int i = 0; i < 1000; ++i) {
    const uint64_t at = (static_cast<uint64_t>(i) * 37 % 100) * 10 * kMiB;
    for (uint64_t piece = 0; piece < 256 * kKiB; piece += 64 * kKiB)
      REQUIRE(pattern.Next(at + piece, 64 * kKiB) == std::nullopt);
  }
}

TEST_CASE("A run may begin anywhere in a file") {
  ReadPattern pattern(4 * kMiB, 100 * kMiB);
  CHECK(pattern.Next(0, 4 * kKiB) == std::nullopt);
  CHECK(pattern.Next(50 * kMiB, 256 * kKiB) == std::nullopt);
  CHECK(pattern.Next(50 * kMiB + 256 * kKiB, 256 * kKiB) ==
        Range{50 * kMiB + 512 * kKiB, 512 * kKiB});
}

TEST_CASE("What is ahead of a reader is in the cache before he comes there") {
  LargeFile file;
  for (uint64_t at = 0; at < 2 * kMiB; at += 64 * kKiB) file.Read(at, 64 * kKiB);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  // Only what was decoded ahead of it can be more than what was read.
  while (file.cache.counters().bytes < 7 * kMiB / 2) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::yield();
  }
}

TEST_CASE("Random reads decode what they touch and no more") {
  LargeFile file;
  for (int round = 0; round < 100; ++round) {
    for (const uint64_t at : {7 * kMiB, kMiB, 5 * kMiB, 3 * kMiB})
      file.Read(at + 4 * kKiB * (static_cast<uint64_t>(round) % 4), 4 * kKiB);
  }
  CHECK(file.cache.counters().decodes <= 8);  // at most two spans at each place
}

TEST_CASE("Jobs run, and those that wait at the end are dropped") {
  std::atomic<int> ran = 0;
  std::atomic<bool> release = false;
  {
    ReadAhead ahead(2);
    for (int i = 0; i < 10; ++i) {
      ahead.Submit([&] {
        ++ran;
        while (!release) std::this_thread::yield();
      });
    }
    while (ran < 2) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) ahead.Submit([&] { ++ran; });
    release = true;
  }
  CHECK(ran >= 2);
  CHECK(ran <= 2 + 16);
}

TEST_CASE("Where there is one processor nothing is decoded ahead") {
  CHECK(ReadAhead(1).Window(100 * kMiB) == 0);
  CHECK(ReadAhead(0).Window(100 * kMiB) == 0);
  CHECK(ReadAhead(4).Window(100 * kMiB) == 8 * kMiB);
  CHECK(ReadAhead(4).Window(4 * kMiB) == kMiB);  // a small cache is not flooded
  CHECK(ReadAhead(64).Window(1000 * kMiB) == 16 * kMiB);
}

}  // namespace orcio

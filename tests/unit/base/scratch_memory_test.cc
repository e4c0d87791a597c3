#include "base/memory/scratch_memory.h"

#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/memory/chunked_array.h"
#include "base/memory/interned_bytes.h"
#include "index/sidecar/write/name_table.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr ScratchMemory::Limits kSmall{.own_bytes = size_t{1} << 20,
                                       .resident_bytes = size_t{4} << 20};

// Pages of files that are resident in this process, in bytes.
uint64_t ResidentFileBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssFile:") continue;
    uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  throw std::runtime_error("no RssFile in /proc/self/status");
}

bool IsEmpty(const std::filesystem::path& directory) {
  return std::filesystem::directory_iterator(directory) == std::filesystem::directory_iterator();
}

}  // namespace

TEST_CASE("What does not fit into a scratch's own memory goes to a file without a name") {
  const test::ScratchDirectory directory;
  ScratchMemory memory(directory.path(), kSmall);
  ChunkedArray<uint64_t> numbers(memory);
  constexpr uint64_t kCount = 5'000'000;  // 40 MB
  for (uint64_t i = 0; i < kCount; ++i) {
    memory.Trim();
    numbers.Append(i * i);
  }
  CHECK(memory.own_bytes() <= kSmall.own_bytes);
  CHECK(memory.file_bytes() >= 38'000'000);
  CHECK(IsEmpty(directory.path()));
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kCount; ++i) wrong += numbers[i] == i * i ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("Trimming keeps a scratch file's pages from staying resident") {
  const test::ScratchDirectory directory;
  const uint64_t before = ResidentFileBytes();
  ScratchMemory memory(directory.path(), kSmall);
  ChunkedArray<uint64_t> numbers(memory);
  uint64_t most = 0;
  for (uint64_t i = 0; i < 12'000'000; ++i) {  // 96 MB
    memory.Trim();
    numbers.Append(i);
    if (i % 500'000 == 0) most = std::max(most, ResidentFileBytes());
  }
  CHECK(memory.file_bytes() > (uint64_t{80} << 20));
  CHECK(most < before + (uint64_t{24} << 20));
}

TEST_CASE("A scratch that can have no file takes memory instead") {
  for (const char* directory : {"", "/proc/self", "/nonexistent"}) {
    INFO(directory);
    ScratchMemory memory(directory, kSmall);
    ChunkedArray<uint32_t> numbers(memory);
    for (uint32_t i = 0; i < 2'000'000; ++i) {
      memory.Trim();
      numbers.Append(i);
    }
    CHECK(memory.file_bytes() == 0);
    CHECK(memory.own_bytes() >= 8'000'000);
    CHECK(numbers[1'999'999] == 1'999'999);
  }
}

TEST_CASE("A scratch reuses blocks of the same size that were freed") {
  ScratchMemory memory;
  std::byte* first = memory.Allocate(4096);
  std::byte* second = memory.Allocate(4096);
  CHECK(first != second);
  memory.Free(first, 4096);
  CHECK(memory.Allocate(2048) != first);
  CHECK(memory.Allocate(4096) == first);
}

TEST_CASE("Interned bytes are numbered as they first came") {
  ScratchMemory memory;
  InternedBytes interned(memory);
  for (uint32_t i = 0; i < 10'000; ++i) REQUIRE(interned.Intern("text " + std::to_string(i)) == i);
  for (uint32_t i = 0; i < 10'000; ++i) REQUIRE(interned.Intern("text " + std::to_string(i)) == i);
  CHECK(interned.Intern("") == 10'000);
  CHECK(interned.Intern(std::string("a\0b", 3)) == 10'001);
  CHECK(interned.At(10'001) == std::string("a\0b", 3));
  CHECK(interned.At(10'000).empty());
  CHECK(interned.At(1234) == "text 1234");
  CHECK(interned.size() == 10'002);
}

TEST_CASE("A name table tells the same name in two directories apart") {
  ScratchMemory memory;
  NameTable names(memory);
  const NameId a = names.Add(kRootName, "a");
  const NameId b = names.Add(kRootName, "b");
  const NameId a_x = names.Add(a, "x");
  CHECK_FALSE(names.Find(b, "x").has_value());
  const NameId b_x = names.Add(b, "x");
  CHECK(names.Find(a, "x") == a_x);
  CHECK(names.Find(b, "x") == b_x);
  CHECK_FALSE(names.Find(a_x, "x").has_value());
}

TEST_CASE("A name table copies out all children of a directory") {
  ScratchMemory memory;
  NameTable names(memory);
  const NameId directory = names.Add(kRootName, "d");
  std::vector<NameId> added;
  for (int i = 0; i < 1000; ++i) added.push_back(names.Add(directory, std::to_string(i)));
  std::vector<NameId> copied(names.size());
  copied.resize(static_cast<size_t>(names.CopyChildren(directory, copied.data()) - copied.data()));
  std::sort(copied.begin(), copied.end());
  CHECK(copied == added);
  CHECK(names.CopyChildren(added[5], copied.data()) == copied.data());
}

}  // namespace orcio

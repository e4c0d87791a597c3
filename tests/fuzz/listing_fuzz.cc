// What a host lists of its files, find's way and stat's, and the file that keeps such a list beside
// an archive. The first byte of the input says which.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "archiver/listing/listing_file.h"
#include "archiver/listing/listing_parser.h"
#include "index/repository/listing_path.h"
#include "tests/support/files/memory_files.h"

namespace {

using namespace orcio;

void Require(bool holds) {
  if (!holds) std::abort();
}

void ParseList(ListingTool::Kind kind, std::span<const std::byte> input, size_t piece) {
  ScratchMemory memory;
  InternedBytes paths(memory);
  HostListing files(memory, paths);
  const std::string host = "atena";
  ListingParser parser(kind, host, files);
  bool good = true;
  while (good && !input.empty()) {
    const auto room = parser.Buffer();
    Require(room.has_value() && !room->empty());
    const size_t count = std::min({room->size(), input.size(), piece});
    std::memcpy(room->data(), input.data(), count);
    const auto taken = parser.Commit(count);
    Require(taken || taken.error().kind == ErrorKind::kRemote);
    good = taken.has_value();
    input = input.subspan(count);
  }
  const auto ended = parser.Finish();
  Require(ended || ended.error().kind == ErrorKind::kRemote);
  for (uint32_t i = 0; i < files.size(); ++i) {
    Require(!files.Path(i).empty());
    Require(files.Find(files.Path(i)).has_value());
  }
}

void ReadFile(std::span<const std::byte> input) {
  const std::filesystem::path archive = "/r/wiki-2026-11-23T020000Z.tar.gz";
  test::MemoryFiles files;
  files.Put(ListingPath(archive), {input.begin(), input.end()});
  uint64_t entries = 0;
  const auto facts = ReadListing(files, archive, [&](const ListedEntry&) -> Result<void> {
    ++entries;
    return {};
  });
  Require(facts ? facts->entries == entries : facts.error().kind == ErrorKind::kDamaged);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 5) {
    case 0:
      ParseList(ListingTool::Kind::kFind, input, 65536);
      break;
    case 1:
      ParseList(ListingTool::Kind::kStat, input, 65536);
      break;
    case 2:
      ParseList(ListingTool::Kind::kFind, input, 5);
      break;
    case 3:
      ParseList(ListingTool::Kind::kStat, input, 5);
      break;
    default:
      ReadFile(input);
  }
  return 0;
}

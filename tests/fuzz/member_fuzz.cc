// Indexes arbitrary bytes as an archive that orcio wrote, whole or damaged, and reads all that the
// index says is there: what reads is what its digest says, all else is an error. Seeds:
// member_seeds DIRECTORY.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "base/sha256.h"
#include "index/archive/read/archive_reader.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/files/memory_files.h"

namespace {

using namespace orcio;

constexpr uint64_t kCacheBytes = uint64_t{16} << 20;
constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr uint64_t kMostFileBytes = uint64_t{16} << 20;  // a hole is as large as it says

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

void ReadFile(const ArchiveReader& reader, NodeId id, uint64_t size) {
  Sha256 sha256;
  for (uint64_t offset = 0; offset < size;) {
    const auto slices = reader.ReadFile(id, offset, kPieceBytes);
    if (!slices) return Require(slices.error().kind == ErrorKind::kDamaged, "an error is damage");
    const uint64_t before = offset;
    for (const Slice& slice : *slices) {
      sha256.Update(slice.bytes);
      offset += slice.bytes.size();
    }
    Require(offset > before, "a file is as long as it says");
  }
  const auto digest = reader.sidecar().Digest(id);
  Require(digest.has_value(), "a digest can be looked up");
  if (*digest) Require(**digest == sha256.Finish(), "what reads is what was archived");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::filesystem::path archive = "/r/wiki-2026-11-23T020000Z.tar.gz";
  const std::filesystem::path index = archive.string() + ".idx";
  test::MemoryFiles files;
  files.Put(archive, {reinterpret_cast<const std::byte*>(data),
                      reinterpret_cast<const std::byte*>(data) + size});
  RebuildOptions options;
  options.threads = 1;
  const auto rebuilt = RebuildSidecar(files, archive, index, options, {});
  if (!rebuilt) {
    const ErrorKind kind = rebuilt.error().kind;
    Require(kind == ErrorKind::kDamaged || kind == ErrorKind::kUnsupported, "an error is damage");
    return 0;
  }
  auto opened = Sidecar::Open(files, index);
  Require(opened.has_value() && (*opened)->CheckAll().has_value(), "what was made is sound");
  const std::shared_ptr<const Sidecar> sidecar = std::move(*opened);
  SpanCache cache(kCacheBytes);
  const auto reader = ArchiveReader::Open(files, archive, sidecar, cache);
  Require(reader.has_value(), "it belongs to its archive");
  for (NodeId id = 0; id < sidecar->node_count(); ++id) {
    const auto node = sidecar->Node(id);
    Require(node.has_value(), "every node can be looked at");
    if (node->type == EntryType::kFile && node->size <= kMostFileBytes)
      ReadFile(**reader, id, node->size);
  }
  return 0;
}

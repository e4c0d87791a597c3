#pragma once

#include <fstream>
#include <random>
#include <string>

#include "base/bytes.h"
#include "index/archive/read/archive_reader.h"
#include "index/rebuild/rebuild.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// An archive that orcio did not write, and what it reads of it.
class Foreign {
 public:
  using Bytes = std::vector<std::byte>;

  explicit Foreign(const std::string& name = "wiki-20221105.tar.gz")
      : archive(scratch / name), sidecar_path(scratch / (name + ".idx")) {}

  Result<void> Index(std::span<const std::byte> bytes) {
    std::ofstream(archive, std::ios::binary) << AsText(bytes);
    return Index();
  }
  Result<void> Index() {
    reader.reset();
    sidecar.reset();
    ORCIO_TRY(RebuildSidecar(LocalFileSystem(), archive, sidecar_path, {}, {}));
    sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), sidecar_path));
    ORCIO_TRY(sidecar->CheckAll());
    reader = ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), archive, sidecar, cache));
    return {};
  }
  [[nodiscard]] Result<Bytes> Read(uint64_t offset, size_t size) const {
    Bytes bytes;
    for (const Slice& slice : ORCIO_TRY(reader->ReadTar(offset, size)))
      bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
    return bytes;
  }
  // Requires that the tar reads as it is, anywhere, and that its sidecar tells the same as that of
  // an archive of ours.
  void RequireReads(const Bytes& tar) const {
    REQUIRE(sidecar->complete());
    REQUIRE(sidecar->tar_bytes() == tar.size());
    REQUIRE(ValueOf(Read(0, tar.size())) == tar);
    std::mt19937_64 random(1);
    for (int i = 0; i < 60; ++i) {
      const size_t at = random() % tar.size();
      const size_t size = std::min<size_t>(random() % 100'000, tar.size() - at);
      const auto begin = tar.begin() + static_cast<ptrdiff_t>(at);
      REQUIRE(ValueOf(Read(at, size)) == Bytes(begin, begin + static_cast<ptrdiff_t>(size)));
    }
  }
  [[nodiscard]] std::string Warnings() const {
    std::string all;
    for (const auto& text : ValueOf(sidecar->warnings()).texts) all += text + "\n";
    return all;
  }

  ScratchDirectory scratch;
  std::filesystem::path archive;
  std::filesystem::path sidecar_path;
  SpanCache cache{uint64_t{4} << 20};
  std::shared_ptr<const Sidecar> sidecar;
  std::unique_ptr<ArchiveReader> reader;
};

}  // namespace orcio::test

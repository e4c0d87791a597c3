// Any bytes as a tar: scanned to its end or refused, whatever pieces it comes in, and what is
// handed out can be made a sidecar of.

#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/sidecar_bytes.h"

namespace {

using namespace orcio;

void Require(bool holds) {
  if (!holds) std::abort();
}

void Check(const test::ScannedTar& scanned, std::string_view tar) {
  if (scanned.summary) {
    Require(scanned.summary->entries == scanned.entries.size());
    Require(scanned.summary->tar_bytes == tar.size());
    Require(scanned.summary->end_of_entries <= tar.size());
  }
  for (const TarEntry& entry : scanned.entries) {
    Require(entry.path.find('\0') == std::string::npos);
    uint64_t end = 0;
    for (const Extent& extent : entry.extents) {
      Require(extent.length > 0 && extent.file_offset >= end);
      Require(extent.tar_offset >= entry.data_offset);
      Require(extent.tar_offset + extent.length <= tar.size());
      end = extent.file_offset + extent.length;
    }
    Require(end <= entry.size);
    if (entry.digest && entry.size < 1'000'000)
      Require(*entry.digest == Sha256::Of(AsBytes(test::ContentOf(entry, tar))));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view tar(reinterpret_cast<const char*>(data), size);
  // Holes are digested byte by byte: none that take long.
  const TarScanOptions options{.max_hole_bytes = 1 << 20};
  const test::ScannedTar scanned = test::ScanBytes(tar, 1 << 16, options);
  Check(scanned, tar);
  const test::ScannedTar again = test::ScanBytes(tar, 700, options);
  Require(again.summary.has_value() == scanned.summary.has_value());
  Require(again.entries.size() == scanned.entries.size());
  if (!scanned.summary || tar.empty()) return 0;
  auto parts = test::MakeParts(tar.size());
  parts.tar = *scanned.summary;
  Require(test::OpenSidecar(test::BuildSidecar(scanned.entries, parts)).has_value());
  return 0;
}

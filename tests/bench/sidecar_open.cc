// bench_sidecar_open COUNT ARCHIVE SIDECAR: opens a sidecar, checks that it is the archive's and
// looks up the root's children, COUNT times. Prints as JSON what it holds, how its bytes are shared
// out, and the median and first time.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "index/files/file_system.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_format.h"
#include "tests/bench/driver.h"

namespace orcio::bench {
namespace {

using sidecar_format::Header;
using sidecar_format::Section;

Result<double> TimeOpen(const char* archive_path, const char* sidecar_path) {
  const auto start = std::chrono::steady_clock::now();
  const auto sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), sidecar_path));
  const auto archive = ORCIO_TRY(LocalFileSystem().OpenRead(archive_path));
  ORCIO_TRY(sidecar->CheckBelongsTo(*archive));
  static_cast<void>(ORCIO_TRY(sidecar->ListChildren(kRootNode)));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes of the sections that digests alone need.
Result<uint64_t> DigestBytes(const char* path) {
  const auto file = ORCIO_TRY(LocalFileSystem().OpenRead(path));
  std::array<std::byte, sidecar_format::kBlockBytes> block{};
  ORCIO_TRY(ReadExactly(*file, 0, block, path));
  Header header{};
  std::memcpy(&header, block.data(), sizeof header);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < std::min(header.section_count, sidecar_format::kMaxSections); ++i) {
    Section section{};
    std::memcpy(&section, block.data() + sizeof header + i * sizeof section, sizeof section);
    const std::string_view id(section.id, sizeof section.id);
    if (id == "RANK" || id == "DIGS") bytes += section.bytes;
  }
  return bytes;
}

Result<void> Run(unsigned count, const char* archive, const char* path) {
  std::vector<double> seconds;
  for (unsigned i = 0; i < count; ++i) seconds.push_back(ORCIO_TRY(TimeOpen(archive, path)));
  const double first = seconds.front();
  const auto median = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), median, seconds.end());
  const auto sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), path));
  fmt::print(
      "{{\"entries\": {}, \"sidecar_bytes\": {}, \"digest_bytes\": {}, \"first_seconds\": {:.9f}, "
      "\"median_seconds\": {:.9f}}}\n",
      sidecar->entry_count(), sidecar->bytes(), ORCIO_TRY(DigestBytes(path)), first, *median);
  return {};
}

}  // namespace
}  // namespace orcio::bench

int main(int argc, char** argv) {
  const unsigned count = argc == 4 ? orcio::bench::ParseCount(argv[1]) : 0;
  if (count == 0) {
    std::fprintf(stderr, "usage: bench_sidecar_open COUNT ARCHIVE SIDECAR\n");
    return 2;
  }
  return orcio::bench::ExitStatus(argv[0], orcio::bench::Run(count, argv[2], argv[3]));
}

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/tar/tar_scanner.h"
#include "index/tar/tar_source.h"

namespace orcio::test {

// Hands out bytes in memory, `piece` at a time, then `error` if there is one.
class MemoryTarSource : public TarSource {
 public:
  explicit MemoryTarSource(std::string_view bytes, size_t piece = size_t{64} << 10);

  [[nodiscard]] Result<std::span<const std::byte>> Next() override;

  std::optional<Error> error;

 private:
  std::string_view left_;
  size_t piece_;
};

struct ScannedTar {
  std::vector<TarEntry> entries;
  Result<TarSummary> summary;

  // The first entry of that path; throws if there is none.
  [[nodiscard]] const TarEntry& At(std::string_view path) const;
};

[[nodiscard]] ScannedTar ScanBytes(std::string_view tar, size_t piece = size_t{64} << 10,
                                   const TarScanOptions& options = {});

// The file's content as its extents say: bytes of `tar`, and zeros in the holes.
[[nodiscard]] std::string ContentOf(const TarEntry& entry, std::string_view tar);

// A tar header, field by field, for tars that no program writes.
struct HandMadeHeader {
  std::string path = "file";
  char type = '0';
  std::string mode = "0000644";
  std::string uid = "0001750";
  std::string gid = "0001751";
  std::string size = "00000000000";
  std::string mtime = "00000001750";
  std::string link_target = {};
  std::string magic = {'u', 's', 't', 'a', 'r', 0, '0', '0'};  // "ustar  " and NUL for GNU
  std::string rest = {};  // from offset 265 on: owner names, device numbers, sparse map

  // 512 bytes with the right checksum.
  [[nodiscard]] std::string Block() const;
};

// A number as size fields have it: octal, or GNU's base-256 if it does not fit.
[[nodiscard]] std::string SizeField(uint64_t size);
// `content` and the zeros up to the next block.
[[nodiscard]] std::string Padded(std::string content);
// A pax extended header with these "key=value" records.
[[nodiscard]] std::string PaxHeader(const std::vector<std::string>& records, char type = 'x');
// The end-of-archive marker.
[[nodiscard]] std::string EndMarker();

}  // namespace orcio::test

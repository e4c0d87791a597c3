#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/entry/entry.h"
#include "index/spans/span_table.h"

namespace orcio::bench {

// File number `i` of an archive that nobody made: 100 to a directory, 40,000 bytes at most.
[[nodiscard]] inline TarEntry MadeUpEntry(uint64_t i) {
  TarEntry entry;
  entry.path = fmt::format("srv/wiki/{:04}/{:03}/file-{:08}.jpg", i / 100'000, i / 100 % 1000, i);
  entry.mode = 0644;
  entry.mtime = {1'700'000'000 + static_cast<int64_t>(i), 5};
  entry.size = i % 40'000;
  return entry;
}

// Puts the entry into a tar that has `tar_bytes` so far. Returns how many it has then.
[[nodiscard]] inline uint64_t PlaceInTar(TarEntry& entry, uint64_t tar_bytes) {
  entry.header_offset = tar_bytes;
  entry.data_offset = tar_bytes + 1536;  // a pax header, its block, the header
  if (entry.type == EntryType::kFile) {
    if (entry.size != 0) entry.extents = {{0, entry.data_offset, entry.size}};
    entry.digest = Sha256::Of(std::as_bytes(std::span(entry.path)));
  }
  return entry.data_offset + (entry.size + 511) / 512 * 512;
}

// As the writer of archives makes them: 256 KiB of tar each, here packed to half.
[[nodiscard]] inline std::vector<Span> MadeUpSpans(uint64_t tar_bytes) {
  std::vector<Span> spans;
  for (uint64_t at = 0; at < tar_bytes; at += 256 << 10) {
    const auto bytes = static_cast<uint32_t>(std::min<uint64_t>(tar_bytes - at, 256 << 10));
    spans.push_back({at, bytes, at / 2, bytes / 2 + 1, 0});
  }
  return spans;
}

}  // namespace orcio::bench

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "index/entry/entry.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

// A file's content as it is read: the pieces of it that the tar has, in order.
struct TarContent {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;  // offset in the file, and length
  uint64_t size = 0;
  uint64_t stored_bytes = 0;
  bool sound = true;
};

// Bytes of the file that are in holes; nothing if the map contradicts itself or what is stored.
[[nodiscard]] std::optional<uint64_t> HolesOf(const TarContent& content);
// After the last byte that the first `count` pieces have; 0 if that is none.
[[nodiscard]] uint64_t EndOfPieces(const TarContent& content, uint64_t count);

// Bytes that all holes up to `position` of a tar may have to be digested: see TarScanOptions.
[[nodiscard]] uint64_t HoleBudget(uint64_t max_hole_bytes, uint64_t position);

// An entry whose content is going by.
struct TarEntryInWork {
  TarEntry entry;
  TarContent content;
  uint64_t content_begin = 0;  // in the tar
  uint64_t piece = 0;          // that is being read
  uint64_t piece_read = 0;     // bytes of it that have gone by
  bool digesting = false;
  Sha256State digest;
};

// What the headers of earlier entries mean for later ones.
struct TarHeadersSoFar {
  std::optional<std::string> global_records;  // of the last global header
  bool had_pax = false;
  uint64_t end_of_lone_headers = 0;
};

// Where a scan stands: between two entries, or, if one is in work, inside its content.
struct TarScanState {
  uint64_t position = 0;  // in the tar, of the next byte
  TarSummary summary;     // as far as it goes
  TarHeadersSoFar headers;
  uint64_t holes_digested = 0;
  uint64_t content_before = 0;
  std::optional<TarEntryInWork> in_work;
};

// Whether a scan with the default options can go on there without harm: for what was read from a
// file.
[[nodiscard]] bool IsPossible(const TarScanState& state);

// Keeps where a scan stands, every now and then.
class TarScanKeeper {
 public:
  virtual ~TarScanKeeper() = default;
  // Whether Keep is to be called with the scan at `position`. Asked often.
  [[nodiscard]] virtual bool IsDue(uint64_t position) = 0;
  virtual void Keep(TarScanState&& state) = 0;
};

}  // namespace orcio::inline index

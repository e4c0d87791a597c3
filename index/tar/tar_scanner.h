#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/tar/tar_source.h"

namespace orcio::inline index {

class TarScanKeeper;
struct TarScanState;

struct TarDamage {
  uint64_t offset = 0;  // in the tar
  std::string message;
  // Where the content of the last entry before it begins; 0 if there is none. If what was read
  // is not what was archived, it goes wrong there or later.
  uint64_t content_before = 0;
};

struct TarSummary {
  uint64_t tar_bytes = 0;  // all of the stream, padding included
  uint64_t entries = 0;
  uint64_t end_of_entries = 0;  // tar offset after the last entry's padded content
  // Two zero blocks where the next header would be, and nothing but zeros after them: the tar is
  // whole.
  bool end_marker = false;
  // Where the tar first makes no sense, and what is wrong there: something between the entries
  // could not be read, and what it said of them is lost. Nothing if all of it makes sense.
  std::optional<TarDamage> damage;
  // Whether nothing is missing.
  [[nodiscard]] bool whole() const { return end_marker && !damage; }
  // What was odd, and what is damaged, for people; at most 100, the rest only counted.
  std::vector<std::string> warnings;
  uint64_t warning_count = 0;
};

struct TarScanOptions {
  bool digest = true;  // SHA-256 of each file's content
  // Ends with kDamaged at the first damage instead of going on after it.
  bool stop_at_damage = false;
  // Holes are digested as zeros, which costs time though there is nothing to read. All files of a
  // tar together may have this many bytes of them, and four times as many as there are bytes in the
  // tar up to there; the ones beyond get no digest.
  uint64_t max_hole_bytes = uint64_t{6} << 30;
  // Is asked as the scan gets on whether to keep where it stands. Both outlive the scan.
  TarScanKeeper* keeper = nullptr;
  // Goes on there: `source` begins at that position. It IsPossible.
  const TarScanState* from = nullptr;
};

// Reads every entry of a tar in any dialect, in one pass, and hands each to `sink` once its content
// has gone by: v7, ustar, GNU, pax, star and Solaris; if readers differ, it does what GNU tar
// does. Reads `source` to its end, also past the end-of-archive marker. Stops at the first such
// marker, as tar does: what follows is left out, and such a tar is not whole.
//
// If a header makes no sense, goes on with the next one that does, and says so in
// `TarSummary::damage`. If the tar ends inside an entry, that one is handed out as far as it
// goes, and is not complete; nor is a sparse file whose map contradicts what is stored. kDamaged
// if it is no tar at all, or not one entry of it could be read.
//
// A hard link may carry its content again (pax): then it has size and extents, never a digest.
// Entries of unknown type are files (POSIX); those without a name, links without a target, and what
// belongs to a file on another volume are left out with a warning.
//
// Memory: one entry and one piece of `source`; an entry whose headers exceed 16 MiB is damage.
[[nodiscard]] Result<TarSummary> ScanTar(TarSource& source,
                                         const std::function<Result<void>(TarEntry&&)>& sink,
                                         const TarScanOptions& options = {});

}  // namespace orcio::inline index

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orcio::inline index {

// "wiki-2026-11-23T020000Z.tar.gz", and what older scripts wrote: wiki-20221105.tar.gz,
// wiki-202211050300.tgz, wiki-2022-11-05_03-00-00.tar.gz, wiki-2022-11-05T03:00:00.tar ...
struct ArchiveName {
  std::string service;
  // As listed and mounted: as precise as the name was, e.g. "2022-11-05", "2022-11-05T0300",
  // "2026-11-23T020000Z" ('Z' only if the name says UTC). From the modification time if the
  // name has no date.
  std::string date;
  int64_t seconds = 0;  // since the epoch, for ordering; a date without 'Z' is taken as UTC
  bool gzip = true;     // .tar.gz, .tgz; false for a plain .tar
};

// Nothing if the file name is not that of an archive: hidden files, sidecars, other endings.
// `mtime_seconds` dates a name that has no date of its own.
[[nodiscard]] std::optional<ArchiveName> ParseArchiveName(std::string_view file_name,
                                                          int64_t mtime_seconds);

// "2026-11-23T020000Z" of UTC `seconds` since the epoch.
[[nodiscard]] std::string FormatDate(int64_t seconds);
// "wiki-2026-11-23T020000Z.tar.gz".
[[nodiscard]] std::string MakeArchiveName(std::string_view service, int64_t seconds);

// Whether `name` can name a service: 1 to 64 of [A-Za-z0-9._-], starting with a letter or digit.
[[nodiscard]] bool IsServiceName(std::string_view name);

}  // namespace orcio::inline index

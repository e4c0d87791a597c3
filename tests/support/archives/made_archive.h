#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "index/gzip/gzip_member.h"
#include "index/spans/span_table.h"

namespace orcio::test {

// Archives made without the pipeline that archiving uses, so that a test decides where members end.

struct MadeArchive {
  std::filesystem::path path;
  std::filesystem::path sidecar;
  std::vector<std::byte> tar;
  std::vector<Span> spans;
};

struct MadeArchiveOptions {
  size_t member_bytes = kMemberTarBytes;  // of tar in each member
  size_t tar_bytes = SIZE_MAX;            // how much of the tar there is: less cuts it short
};

// `tar -c` of all that is in `directory`, pax format, sparse files found.
[[nodiscard]] std::vector<std::byte> TarOf(const std::filesystem::path& directory,
                                           const std::vector<std::string>& tar_options = {});

// Writes `tar` as the archive `path` and its sidecar beside it. Throws if that fails.
MadeArchive MakeArchive(const std::filesystem::path& path, std::vector<std::byte> tar,
                        const MadeArchiveOptions& options = {});

// Changes one byte of a file.
void FlipByte(const std::filesystem::path& path, uint64_t offset);

}  // namespace orcio::test

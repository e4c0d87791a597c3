#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "index/archive/write/archive_writer.h"

namespace orcio::test {

// A tar of a few files and directories whose content fills `bytes` and more, half of it text, half
// random. The same for the same arguments.
[[nodiscard]] std::vector<std::byte> MakeTar(size_t bytes);

// Hands `tar` to `writer` in pieces of at most `piece` bytes.
[[nodiscard]] Result<void> Push(ArchiveWriter& writer, std::span<const std::byte> tar,
                                size_t piece = SIZE_MAX);

// Writes and publishes an archive of `tar` with the facts of a rebuilt one.
[[nodiscard]] Result<void> WriteArchive(const FileSystem& files,
                                        const std::filesystem::path& directory,
                                        const std::string& name, std::span<const std::byte> tar,
                                        const ArchiveWriterOptions& options = {});

}  // namespace orcio::test

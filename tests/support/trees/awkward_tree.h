#pragma once

#include <cstdint>
#include <filesystem>

namespace orcio::test {

struct AwkwardOptions {
  // Adds sparse/huge, this large, with a few bytes of data at its start, middle and end.
  uint64_t huge_sparse_bytes = 0;
  // Adds many/ with this many small files.
  uint32_t many_files = 0;
};

// Fills `root`, an existing directory, with all that makes an archiver stumble: owners and modes,
// times before 1970 and far ahead, hard links, odd symlinks, devices, sockets, extended attributes,
// ACLs, sparse files, and names and paths of every kind a Linux file system takes. Needs root.
// Throws if the system refuses.
void MakeAwkwardTree(const std::filesystem::path& root, const AwkwardOptions& options = {});

}  // namespace orcio::test

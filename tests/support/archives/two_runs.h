#pragma once

#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "index/files/file_system.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// What a directory holds, by name.
using DirectoryFiles = std::map<std::string, std::vector<std::byte>>;

inline DirectoryFiles FilesIn(const std::filesystem::path& directory) {
  DirectoryFiles files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files[entry.path().filename()] =
        ValueOf(ReadWholeFile(LocalFileSystem(), entry.path(), uint64_t{1} << 30));
  }
  return files;
}

// Of this process, one of the count itself included.
inline size_t OpenDescriptors() {
  const std::filesystem::directory_iterator fds("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(fds), end(fds)));
}

// A repository with one archive, and what it holds before and after a second one is made, for tests
// in which something breaks on the way.
struct TwoRuns {
  static inline const std::string kOld = "wiki-2025-11-16T020000Z.tar.gz";
  static inline const std::string kNew = "wiki-2025-11-23T020000Z.tar.gz";

  ScratchDirectory scratch;
  std::vector<std::byte> tar = MakeTar(600'000);
  DirectoryFiles before;
  DirectoryFiles after;

  TwoRuns() {
    REQUIRE_OK(Write(kOld));
    before = FilesIn(scratch.path());
    REQUIRE_OK(Write(kNew));
    after = FilesIn(scratch.path());
    Forget();
  }
  [[nodiscard]] Result<void> Write(const std::string& name) const {
    ArchiveWriterOptions options;
    options.threads = 1;
    return WriteArchive(LocalFileSystem(), scratch.path(), name, tar, options);
  }
  // Removes what was not there before.
  void Forget() const {
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
      if (before.count(entry.path().filename()) == 0) std::filesystem::remove(entry.path());
    }
  }
};

}  // namespace orcio::test

#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "index/files/file_system.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/command.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A source tree to fill, and a repository to archive it into.
class MountedRepository {
 public:
  MountedRepository() {
    std::filesystem::create_directory(source());
    std::filesystem::create_directory(directory());
  }
  [[nodiscard]] std::filesystem::path source() const { return scratch_ / "source"; }
  [[nodiscard]] std::filesystem::path directory() const { return scratch_ / "repository"; }

  void Write(const std::filesystem::path& name, std::string_view content) const {
    std::filesystem::create_directories((source() / name).parent_path());
    std::ofstream(source() / name, std::ios::binary) << content;
  }
  // Archives the source tree as it is now.
  std::filesystem::path Archive(const std::string& name) const {
    const auto written =
        WriteArchive(LocalFileSystem(), directory(), name, TarOf(source(), {"--xattrs-include=*"}));
    if (!written) throw std::runtime_error(written.error().message);
    return directory() / name;
  }

 private:
  ScratchDirectory scratch_;
};

}  // namespace orcio::test

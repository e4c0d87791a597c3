#pragma once

#include <filesystem>
#include <string>

#include "tests/support/scratch_directory.h"

namespace orcio::test {

// Makes the package for Debian from a build directory. Exits the program with 77 (fails if
// CI=true) on a machine that cannot.
class DebianPackage {
 public:
  explicit DebianPackage(std::filesystem::path build);

  // As the package's `release`; makes each once. The file goes with this.
  [[nodiscard]] std::filesystem::path Make(int release = 1) const;

 private:
  std::filesystem::path build_;
  ScratchDirectory scratch_;
};

}  // namespace orcio::test

#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/mounted_repository.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// Three archives with the same names in them and other bytes and sizes behind them, and what tar
// extracts of each.
class Editions {
 public:
  static constexpr size_t kCount = 3;

  // Fills the source tree of `repository`, and archives each edition there for a moment.
  explicit Editions(const MountedRepository& repository);

  // Of regular files, the same in all.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::string& Extracted(size_t edition, const std::string& name) const {
    return extracted_[edition].at(name);
  }
  // The archive itself; its sidecar is beside it.
  [[nodiscard]] std::filesystem::path Archive(size_t edition) const;

 private:
  void Extract(size_t edition);

  ScratchDirectory scratch_;
  std::vector<std::string> names_;
  std::array<std::map<std::string, std::string>, kCount> extracted_;
};

}  // namespace orcio::test

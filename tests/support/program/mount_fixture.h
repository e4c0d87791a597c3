#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A repository mounted read-only by a server process of its own, on a directory of its own. Needs
// root and /dev/fuse. At the end of its life it is unmounted, and the server awaited: the test case
// fails if that did not end well.
class MountFixture {
 public:
  // `options` as after -o. Throws if it cannot be mounted.
  explicit MountFixture(const std::filesystem::path& repository,
                        const std::vector<std::string>& options = {});
  ~MountFixture();
  MountFixture(const MountFixture&) = delete;
  MountFixture& operator=(const MountFixture&) = delete;

  [[nodiscard]] const std::filesystem::path& at() const { return mountpoint_; }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& path) const {
    return mountpoint_ / path;
  }
  [[nodiscard]] pid_t server() const { return server_; }
  // Waits until the server process has ended, at most a minute; false if it has not.
  [[nodiscard]] bool ServerEnds() const;
  [[nodiscard]] bool mounted() const;

 private:
  ScratchDirectory scratch_;
  std::filesystem::path mountpoint_;
  UniqueFd server_lives_;  // a pipe that the server has the other end of
  pid_t server_ = -1;
};

}  // namespace orcio::test

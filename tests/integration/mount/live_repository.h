#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>

#include "fusefs/mount/mount.h"
#include "index/repository/repository.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/eventually.h"
#include "tests/support/needs.h"

namespace orcio::test {

// One that is mounted while it changes.
class LiveRepository : public MountedRepository {
 public:
  LiveRepository() {
    NeedRoot();
    NeedFuse();
  }
};

// Mounts a repository, and serves it to its end. Whether that went well.
[[nodiscard]] inline bool ServeMount(const FileSystem& files,
                                     const std::filesystem::path& repository,
                                     const std::filesystem::path& mountpoint) {
  MountOptions mount;
  mount.mountpoint = mountpoint;
  mount.foreground = true;
  return Mount(Repository(files, repository), mount).has_value();
}

// `size` bytes of an open file from `offset`, or fewer at its end, or "errno N".
[[nodiscard]] inline std::string PieceAt(int file, size_t offset, size_t size) {
  std::string piece(size, ' ');
  const ssize_t got = ::pread(file, piece.data(), size, static_cast<off_t>(offset));
  if (got < 0) return std::string("errno ") + std::to_string(errno);
  piece.resize(static_cast<size_t>(got));
  return piece;
}

}  // namespace orcio::test

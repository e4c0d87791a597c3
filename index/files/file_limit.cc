#include "index/files/file_limit.h"

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>

namespace orcio::inline index {
namespace {

// FAT has 32 bits for the size of a file.
constexpr FileLimit kFat{(uint64_t{1} << 32) - 1, "it is a FAT file system",
                         "keep the repository on another one (ext4, xfs, btrfs, exFAT)"};

}  // namespace

std::optional<FileLimit> FileLimitBy(uint64_t soft_limit, uint64_t type) {
  std::optional<FileLimit> limit;
  if (type == MSDOS_SUPER_MAGIC) limit = kFat;
  if (soft_limit != RLIM_INFINITY && (!limit || soft_limit < limit->bytes)) {
    limit = FileLimit{soft_limit, "`ulimit -f` of the shell, or LimitFSIZE= of the unit",
                      "raise that limit"};
  }
  return limit;
}

// Whoever cannot be asked sets none: writing will tell.
std::optional<FileLimit> FileLimitIn(const std::filesystem::path& directory) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) limit.rlim_cur = RLIM_INFINITY;
  struct statfs status {};
  const bool known = ::statfs(directory.c_str(), &status) == 0;
  return FileLimitBy(limit.rlim_cur, known ? static_cast<uint64_t>(status.f_type) : 0);
}

}  // namespace orcio::inline index

#include "index/sidecar/read/sidecar_place.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "base/sha256.h"
#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_ending.h"

namespace orcio::inline index {
namespace {

constexpr size_t kNameBytes = 8;  // in a directory's name: enough to keep repositories apart

bool IsGood(const FileSystem& files, const std::filesystem::path& sidecar,
            const std::filesystem::path& archive) {
  const auto file = files.OpenRead(archive);
  return file && Sidecar::OpenFor(files, sidecar, **file);
}

// Of who has no home: jobs of systemd and cron, mounts at boot. Only root can make a directory
// there.
constexpr const char* kSystemCache = "/var/cache";

std::filesystem::path CacheHome() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  // One that is not absolute counts as not set: XDG Base Directory Specification.
  if (cache != nullptr && cache[0] == '/') return cache;
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') return kSystemCache;
  return std::filesystem::path(home) / ".cache";
}

}  // namespace

std::filesystem::path SidecarPlace(const FileSystem& files, const std::filesystem::path& archive,
                                   const std::filesystem::path& index_directory) {
  std::filesystem::path beside = SidecarNameOf(archive.string());
  if (index_directory.empty()) return beside;
  std::filesystem::path apart = index_directory / beside.filename();
  if (!files.Status(apart) && IsGood(files, beside, archive)) return beside;
  return apart;
}

std::filesystem::path CacheIndexDirectory(const std::filesystem::path& repository) {
  std::error_code error;
  auto real = std::filesystem::canonical(repository, error);
  if (error) real = std::filesystem::absolute(repository, error);
  const auto digest = Sha256::Of(AsBytes(real.string()));
  return CacheHome() / "orcio" / ToHex(std::span(digest).first(kNameBytes));
}

Result<void> MakeIndexDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  if (directory.has_parent_path())
    std::filesystem::create_directories(directory.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return FailErrno(errno,
                   fmt::format("cannot make the directory of indexes {}", directory.string()));
}

}  // namespace orcio::inline index
